"""Cases that are attempted, one after the other, and what they check with; a case is a function, and one that raises has failed."""


def equal(actual, expected):
    assert actual == expected, "%r is not %r" % (actual, expected)


def raises(kinds, action):
    """What an action says that must be refused."""
    try:
        action()
    except kinds as error:
        return str(error)
    raise AssertionError("nothing was refused")


class Attempts:
    """How many cases have passed and failed; each is told as soon as it is over."""

    def __init__(self):
        self.passed = self.failed = 0

    def make(self, cases, *given):
        for case in cases:
            name = case.__name__.replace("_", " ")
            try:
                case(*given)
            except Exception as error:
                print("FAILED  %s: %s: %s" % (name, type(error).__name__, error), flush=True)
                self.failed += 1
            else:
                print("ok      %s" % name, flush=True)
                self.passed += 1

    def end(self):
        """The exit code, when all is told."""
        print("%d passed, %d failed" % (self.passed, self.failed))
        return 1 if self.failed else 0
