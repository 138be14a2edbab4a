"""Where in a head is what."""

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import layout as module
from oversip_tw.sip.layout import layout_of, line_starts
from oversip_tw.sip.parser import parse
from tests.sip.samples import BYE, INVITE


def starts_of(data: bytes) -> tuple[str, ...]:
    return tuple(line_starts(data.partition(b"\r\n\r\n")[0].decode()))


class Layouts(SynchronousTestCase):
    def test_where_things_are(self) -> None:
        """Lines count from 1; values begin behind the colon; spellings share a key."""
        layout = layout_of(starts_of(BYE))
        self.assertEqual(layout.slots["route"], [2, 3])
        self.assertEqual((layout.via, layout.from_, layout.to, layout.max_forwards), (1, 5, 6, 4))
        self.assertEqual((layout.keys[5], layout.starts[5], layout.values[5]), ("from", "f:", 2))
        self.assertEqual((layout.size, layout.problem, layout.folded), (9, "", False))

    def test_one_layout_for_like_messages(self) -> None:
        """The same names in the same order share one; another spelling has another."""
        one, two = parse(INVITE), parse(INVITE.replace(b"alice", b"carol"))
        self.assertIs(one._layout, two._layout)
        self.assertIsNot(one._layout, parse(INVITE.replace(b"Via:", b"via:"))._layout)

    def test_problems(self) -> None:
        """What the names alone tell."""
        whole = ("Via:", "From:", "To:", "Call-ID:", "CSeq:")
        for starts, problem in (
            (whole, ""),
            (whole[1:], "Missing Via"),
            (whole[:-1], "Missing CSeq"),
            ((*whole, "t :"), "Duplicate To"),
            ((*whole, "Max-Forwards:", "MAX-FORWARDS\t:"), "Duplicate Max-Forwards"),
            ((*whole, "X"), "Bad Header Name"),
            ((*whole, ":"), "Bad Header Name"),
            ((*whole, "X\r\nY:"), "Bad Header Name"),
        ):
            self.assertEqual(layout_of(starts).problem, problem)

    def test_memory_is_bounded(self) -> None:
        """Layouts are thrown away in time; those of folded heads and of very long names are not kept at all."""
        for number in range(module._MEMO + 10):
            layout_of((f"X-{number}:",))
        self.assertLessEqual(len(module.known), module._MEMO)
        for starts in ((" folded:",), ("X" * 3000 + ":",)):
            self.assertIsNot(layout_of(starts), layout_of(starts))
