"""The messages are those of the RFC."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.torture.messages import RFC4475, RFC5118

_SHARED = Path(__file__).parents[3] / "shared" / "torture" / "rfc4475"


class Text(SynchronousTestCase):
    def test_there_are_49_and_12(self) -> None:
        """None is missing."""
        self.assertEqual((len(RFC4475), len(RFC5118)), (49, 12))

    def test_equal_to_the_archive(self) -> None:
        """Where the files of the RFC's archive are at hand, what is written down here equals them byte for byte."""
        for file in _SHARED.glob("*.dat"):
            self.assertEqual(RFC4475[file.stem], file.read_bytes(), file.stem)
