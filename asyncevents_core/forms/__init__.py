"""What is shown of attempts, traces, subscriptions and the rest: one form, in the same words.

The command line prints these values with `--json`, the REST API answers with them and describes
them in its OpenAPI document. Only the routes of mageos-async-events have forms of their own.

Words: `uuid` is a delivery's id, `event_id` an event's, `external_id` what its publisher called
it. `http_status` is the recipient's, `status` a subscription's. Times are UTC.
"""

from asyncevents_core.forms.filter_trial import FilterTrialForm as FilterTrialForm
from asyncevents_core.forms.log import AttemptForm as AttemptForm
from asyncevents_core.forms.log import DeadLetterForm as DeadLetterForm
from asyncevents_core.forms.log import LogRowForm as LogRowForm
from asyncevents_core.forms.log import PayloadRowForm as PayloadRowForm
from asyncevents_core.forms.log import TraceForm as TraceForm
from asyncevents_core.forms.objects import EventDefinitionForm as EventDefinitionForm
from asyncevents_core.forms.objects import PublishedForm as PublishedForm
from asyncevents_core.forms.objects import StatusForm as StatusForm
from asyncevents_core.forms.objects import SubscriptionForm as SubscriptionForm
from asyncevents_core.forms.objects import TokenForm as TokenForm
from asyncevents_core.forms.objects import WorkerForm as WorkerForm
from asyncevents_core.forms.people import UserForm as UserForm
