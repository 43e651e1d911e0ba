"""What the pages tell people to type is run, as far as it changes nothing."""

from tests.docs.test_told_commands import TOLD_IN, commands_in, refused

LOOK = {"status", "stock", "history", "receipts", "audit", "export", "backup", "doctor"}
LOOK |= {"locations", "safety-stop", "contested", "deliveries", "slack"}
ACTS = {"set", "apply", "restore", "investigate", "resume", "retry"}
NEEDS_AN_OPTION = ["slack"], ["slack", "manifest"]  # one of two, which the command itself asks for


def changes_nothing(words):
    """Whether a command only looks, or writes a file of its own."""
    return words[0] in LOOK and not ACTS & {*words} and words not in NEEDS_AN_OPTION


def test_the_commands_that_the_pages_tell_can_be_run(known):
    """Each that changes nothing works in two stores where all is well."""
    told = {
        tuple(words)
        for page in TOLD_IN
        for head, words, _ in commands_in(page)
        if head == "tipo" and words and changes_nothing(words) and not refused(words)
    }
    assert len(told) > 20
    for words in sorted(told):
        known(*words)
