"""CloudEvents SQL 1.0: expressions over the attributes of an event.

https://github.com/cloudevents/spec/blob/main/cesql/spec.md

`lexer` and `parser` make a `tree` of a text, `compiling` functions of the tree, with `arithmetic`.
`values` has the three types and the casts between them, `functions` what can be called, `mistakes`
what goes wrong, `doubts` what is probably meant otherwise.
"""

from __future__ import annotations
