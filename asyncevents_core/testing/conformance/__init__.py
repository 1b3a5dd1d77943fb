"""Conformance suites: what every implementation of a port must do, as pytest classes.

Inherit from a suite in a test module and override the fixtures that its docstring names::

    class TestFileSink(SinkConformance):
        @pytest.fixture
        def sink_type(self):
            return FileSinkType()
"""
