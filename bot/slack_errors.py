"""How a call to Slack can fail.

SlackError
├── SlackUnreachable   it certainly did not happen: Slack cannot be reached
│   └── SlackRateLimited  Slack asks us to wait `wait` seconds
├── SlackNoAnswer      no answer, or none that can be read: it may have happened
└── SlackRefused       Slack has said no; `code` is Slack's own word for it
"""


class SlackError(Exception):
    """Slack did not do what we asked."""


class SlackUnreachable(SlackError):
    """It certainly did not happen."""


class SlackRateLimited(SlackUnreachable):
    """Slack asks us to wait."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"Slack asks us to wait {wait:.0f} s")
        self.wait = wait


class SlackNoAnswer(SlackError):
    """It may have happened. `is_server_fault`: Slack was there, and failed over what we sent."""

    def __init__(self, message: str, *, is_server_fault: bool = False) -> None:
        super().__init__(message)
        self.is_server_fault = is_server_fault


class SlackRefused(SlackError):
    """Slack has said no."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code[:100]
