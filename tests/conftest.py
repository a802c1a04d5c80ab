"""What all tests need."""

import signal

# A process started in the background of a shell ignores SIGINT, and so would every process that a test starts
# to see how it takes Ctrl-C. A handler of our own is not inherited by them; ignoring is.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
