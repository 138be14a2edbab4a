"""Write before 200: what a phone has been told is on the disk, and what is not there does not count."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from oversip_tw.registrar.changes import Change, Changes, Outdated, StoreFailed
from oversip_tw.registrar.quotas import Quotas
from oversip_tw.registrar.registrar import HOLD, PAUSE
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import MemoryFlow
from tests.registrar.phones import ALICE, DOMAIN, OTHER_UUID, UUID, Outcome, Phone, RegistrarCase, SlowStore, contacts


class WriteFirst(RegistrarCase):
    """With a store that takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowStore(patient=True)
        self.settle(self.slow)

    def test_K9_answer_waits(self) -> None:
        """Neither the 200 nor memory is ahead of the disk."""
        running = self.start(Phone().register(), self.connect())
        self.assertFalse(running.done)
        self.assertEqual((self.bindings(), self.heard), ([], []))
        self.slow.release()
        self.assertEqual(running.value.status, 200)
        self.assertEqual((len(self.bindings()), self.changes), (1, [Change.ADDED]))

    def test_removal_too(self) -> None:
        """A phone that leaves is told so only when that is durable."""
        flow, phone = self.connect(), Phone()
        self.start(phone.register(), flow)
        self.slow.release()
        running = self.start(phone.register(expires=0), flow)
        self.assertEqual((running.done, len(self.slow.rows)), (False, 1))
        self.slow.release()
        self.assertEqual((running.value.status, self.slow.rows, self.bindings()), (200, {}, []))

    def test_K7_store_fails(self) -> None:
        """A commit that fails is 503 with Retry-After, and memory is as it was."""
        flow, phone = self.connect("tls"), Phone()
        self.start(phone.register(), flow)
        self.slow.release()
        before = self.bindings()
        self.slow.broken = True
        for request in (phone.register(), Phone().register(), phone.register(expires=0)):
            running = self.start(request, flow)
            self.slow.release()
            assert isinstance(running.error, SIPError)
            self.assertEqual((running.error.status, running.error.headers), (503, (("Retry-After", "10"),)))
        self.assertEqual(self.bindings(), before)
        self.slow.broken = False
        running = self.start(phone.register(), flow)
        self.slow.release()
        self.assertEqual(running.value.status, 200)

    def test_limit_of_the_domain(self) -> None:
        """What is on its way to the disk counts: not two get the last place at the same time; what does not get there
        leaves it free."""
        quotas = Quotas({DOMAIN: 2})
        self.settle(self.slow, quotas)
        flow = self.connect("tls")
        running = [self.start(Phone(user).register(), flow) for user in ("alice", "bob", "carol")]
        [error] = [each.error for each in running if each.done]
        assert isinstance(error, SIPError)
        self.assertEqual(error.status, 403)
        self.slow.broken = True
        self.slow.release()
        self.assertEqual(quotas.count(DOMAIN), 0)
        self.slow.broken = False
        running = [self.start(Phone(user).register(), flow) for user in ("carol", "dave")]
        self.slow.release()
        self.assertEqual([each.value.status for each in running], [200, 200])
        self.assertEqual(quotas.count(DOMAIN), 2)

    def test_store_away_and_a_browser(self) -> None:
        """A browser's REGISTER would not be sent again: it waits for a store that is away, and is served when that is
        back, with what holds by then."""
        flow, phone = self.connect("wss"), Phone()
        self.slow.broken, self.slow.patient = True, False
        running = self.start(phone.register(), flow)
        self.clock.advance(HOLD / 2)
        self.assertFalse(running.done)
        self.slow.broken = False
        self.clock.advance(PAUSE)
        self.assertEqual(running.value.status, 200)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_store_away_for_long(self) -> None:
        """It waits no longer than its own timer would, and not at all once the browser is gone."""
        self.slow.broken, self.slow.patient = True, False
        flow, other = self.connect("ws"), self.connect("ws")
        running = self.start(Phone().register(), flow)
        leaving = self.start(Phone().register(), other)
        other.lose()
        for _ in range(int(HOLD)):
            self.clock.advance(PAUSE)
        for each, status in ((running, 503), (leaving, 480)):
            assert isinstance(each.error, SIPError)
            self.assertEqual(each.error.status, status)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_another_server_is_faster(self) -> None:
        """What another server has changed meanwhile is thought over again, not written over; and not for ever."""
        flow, mine, other = self.connect(), Phone("alice", UUID, 1), Phone("alice", OTHER_UUID, 1)
        self.slow.patient = False
        self.start(other.register(), flow)
        [theirs] = self.bindings()
        outdated = [1]

        async def write(changes: Changes) -> None:
            self.assertTrue(changes.strict)
            if outdated:
                outdated.pop()
                self.location.commit_now((), (theirs,))
                raise Outdated("another server was faster")

        self.slow.write = write  # type: ignore[method-assign]
        running = self.start(mine.register(), flow)
        self.assertEqual(running.value.status, 200)
        self.assertEqual([binding.contact for binding in self.bindings()], [mine.contact])
        outdated += [1] * 100
        again = self.start(mine.register(), flow)
        assert isinstance(again.error, SIPError)
        self.assertEqual(again.error.status, 503)

    def test_R10_one_after_another(self) -> None:
        """REGISTERs of one user wait for each other; the second sees what the first did. Others do not wait."""
        flow, phone = self.connect(), Phone()
        running = [self.start(phone.register(expires=expires), flow) for expires in (600, 0, 300)]
        other = self.start(Phone("bob").register(), flow)
        self.slow.release()
        self.assertEqual([task.done for task in (*running, other)], [True, False, False, True])
        self.slow.release()
        self.slow.release()
        self.assertEqual([len(task.value.contacts) for task in running], [1, 0, 1])
        self.assertEqual(self.bindings()[0].cseq, 3)

    def test_too_many_wait(self) -> None:
        """So many of one user may wait, further ones are 503; the others are served."""
        self.settle(self.slow, queue=3)
        flow = self.connect()
        running = [self.start(Phone().register(), flow) for _ in range(6)]
        self.assertEqual([getattr(task.error, "status", None) for task in running], [None] * 4 + [503] * 2)
        for _ in range(4):
            self.slow.release()
        self.assertEqual(len(self.bindings()), 4)

    def test_nobody_waits_for_the_answer(self) -> None:
        """A REGISTER whose sender gives up goes on to its end: memory and disk agree, and the next one has its turn."""
        flow, phone = self.connect(), Phone()
        running = self.start(phone.register(), flow)
        running.task.cancel()
        following = self.start(phone.register(), flow)
        self.slow.release()
        self.assertEqual([binding.cseq for binding in self.bindings()], [1])
        self.slow.release()
        self.assertEqual(following.value.status, 200)
        self.assertFalse(running.done)


class LostInBetween(RegistrarCase):
    """The connection breaks while the disk is busy."""

    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowStore(patient=True)
        self.settle(self.slow)

    def settled(self, phone: Phone, flow: MemoryFlow) -> None:
        self.start(phone.register(), flow)
        self.slow.release()

    def break_off(self, flow: MemoryFlow) -> None:
        flow.lose()
        self.flows.remove(flow)
        Outcome(self.location.flow_lost(flow.id))

    def finish(self) -> None:
        for _ in range(5):
            self.slow.release()

    def test_new_binding(self) -> None:
        """A new binding is taken back, on the disk too, and nobody hears of it."""
        flow = self.connect()
        running = self.start(Phone().register(), flow)
        self.break_off(flow)
        self.finish()
        assert isinstance(running.error, SIPError)
        self.assertEqual((self.bindings(), self.slow.rows, self.heard, self.returned), ([], {}, [], []))

    def test_refresh_on_the_same_flow(self) -> None:
        """A refreshed binding of that very flow is gone: it is no target any more, and not on the disk."""
        flow, phone = self.connect(), Phone("alice", UUID, 1)
        self.settled(phone, flow)
        self.start(phone.register(), flow)
        self.break_off(flow)
        self.finish()
        self.assertEqual((self.bindings(), self.slow.rows), ([], {}))

    def test_return_from_a_living_flow(self) -> None:
        """A phone that came back and was gone again is still reached where it was, as long as that lives."""
        old, new, phone = self.connect(), self.connect(), Phone("alice", UUID, 1)
        self.settled(phone, old)
        self.start(phone.register(), new)
        self.break_off(new)
        self.finish()
        self.assertEqual([binding.flow_id for binding in self.lookup()], [old.id])
        self.assertEqual([binding.flow_id for binding in self.slow.rows.values()], [old.id])

    def test_both_flows_gone(self) -> None:
        """Where it was is gone as well: nothing is left."""
        old, new, phone = self.connect(), self.connect(), Phone("alice", UUID, 1)
        self.settled(phone, old)
        self.start(phone.register(), new)
        self.break_off(old)
        self.break_off(new)
        self.finish()
        self.assertEqual((self.bindings(), self.slow.rows), ([], {}))

    def test_old_flow_gone(self) -> None:
        """The old connection ends while the phone is being bound to its new one: the new binding stays."""
        old, new, phone = self.connect(), self.connect(), Phone("alice", UUID, 1)
        self.settled(phone, old)
        running = self.start(phone.register(), new)
        self.break_off(old)
        self.finish()
        self.assertEqual(running.value.status, 200)
        self.assertEqual([binding.flow_id for binding in self.lookup()], [new.id])
        self.assertEqual([binding.flow_id for binding in self.slow.rows.values()], [new.id])

    def test_who_had_to_make_room(self) -> None:
        """A binding that had to go for one that did not last is back."""
        self.settle(self.slow, max_bindings=1)
        old, new, phone = self.connect(), self.connect(), Phone()
        self.settled(phone, old)
        self.start(Phone().register(), new)
        self.break_off(new)
        self.finish()
        self.assertEqual([binding.contact for binding in self.lookup()], [phone.contact])

    def test_store_fails_then(self) -> None:
        """If it cannot be taken back on the disk, memory at least sends no call to where nobody is."""
        flow = self.connect()
        running = self.start(Phone().register(), flow)
        flow.lose()
        self.slow.release(1)
        self.slow.broken = True
        self.finish()
        self.assertIsInstance(running.error, SIPError)
        self.assertEqual(self.bindings(), [])

    def test_removal_counts(self) -> None:
        """A phone that unregisters and hangs up at once is gone."""
        flow, phone = self.connect(), Phone()
        self.settled(phone, flow)
        running = self.start(phone.register(expires=0), flow)
        self.break_off(flow)
        self.finish()
        self.assertEqual((running.value.status, self.bindings(), self.slow.rows), (200, [], {}))

    def test_gone_before_its_turn(self) -> None:
        """A REGISTER whose connection broke while it waited for its turn does nothing."""
        flow, gone = self.connect(), self.connect()
        self.start(Phone().register(), flow)
        waiting = self.start(Phone().register(), gone)
        self.break_off(gone)
        self.finish()
        self.assertIsInstance(waiting.error, SIPError)
        self.assertEqual([binding.flow_id for binding in self.bindings()], [flow.id])


class Interleaved(RegistrarCase):
    """Whatever comes in between, memory and disk agree in the end."""

    steps = st.lists(
        st.one_of(
            st.tuples(st.just("register"), st.integers(0, 2), st.integers(0, 2), st.sampled_from((600, 60, 0))),
            st.tuples(st.just("lose"), st.integers(0, 2)),
            st.tuples(st.just("disk"), st.integers(1, 3)),
            st.tuples(st.just("time"), st.sampled_from((1, 61, 700))),
            st.tuples(st.just("break")),
            st.tuples(st.just("mend")),
        ),
        max_size=25,
    )

    @settings(max_examples=150, deadline=None)
    @given(steps)
    def test_R10_memory_and_disk_agree(self, steps: list[tuple[object, ...]]) -> None:
        """Three phones of a user on three connections, in any order, with a disk that is slow and now and then full:
        every REGISTER is answered, no binding names a dead connection, and a restart finds what memory had."""
        self.setUp()
        slow = SlowStore(patient=True)
        self.settle(slow, max_bindings=2)
        self.location.start()
        phones = [Phone("alice", UUID, 1), Phone("alice", UUID, 2), Phone("alice")]
        flows = [self.connect() for _ in range(3)]
        running: list[Outcome] = []
        broken = False
        for step, *arguments in steps:
            if step == "register":
                phone, flow, expires = arguments
                running.append(self.start(phones[phone].register(expires=expires), flows[flow]))  # type: ignore[index,arg-type]
            elif step == "lose":
                (number,) = arguments
                flows[number].lose()  # type: ignore[index]
                self.flows.remove(flows[number])  # type: ignore[index]
                Outcome(self.location.flow_lost(flows[number].id))  # type: ignore[index]
                flows[number] = self.connect()  # type: ignore[index]
            elif step == "disk":
                slow.release(arguments[0])  # type: ignore[arg-type]
            elif step == "time":
                self.clock.pump([1.0] * arguments[0])  # type: ignore[operator]
            else:
                slow.broken = step == "break"
                broken = broken or slow.broken
        for _ in range(3 * len(steps) + 3):
            slow.release()
        for _ in range(int(HOLD) + len(steps)):  # those of browsers that wait for the disk
            if not all(task.done for task in running):
                self.clock.advance(PAUSE)
                slow.release()
        self.assertTrue(all(task.done for task in running))
        self.assertTrue(all(task.error is None or isinstance(task.error, SIPError) for task in running))
        found = self.bindings()
        self.assertLessEqual(len(found), 2)
        self.assertTrue(all(self.flows.find(binding.flow_id) for binding in found))
        self.location.stop()
        if not broken:
            now = self.clock.seconds()
            stored = [row for row in slow.rows.values() if row.expires_at > now]
            self.assertEqual(sorted(stored, key=lambda b: b.key), sorted(found, key=lambda b: b.key))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Restart(RegistrarCase):
    """What the next process finds."""

    def setUp(self) -> None:
        super().setUp()
        self.durable = SlowStore()
        self.settle(self.durable)

    def test_connections_are_lost(self) -> None:
        """Bindings of connections come back listed and known by key and GRUU's instance, but are never a target."""
        phone = Phone("alice", UUID, 1)
        self.register(phone.register(), self.connect())
        (before,) = self.lookup()
        self.settle(self.durable)
        self.assertEqual((self.lookup(), self.location.by_gruu(ALICE, UUID)), ([], None))
        self.assertEqual(self.location.by_contact(before.target), [])
        (after,) = self.bindings()
        self.assertTrue(after.lost)
        self.assertEqual(self.location.by_key(before.key), after)
        self.assertEqual(contacts(self.register(Phone().register(contacts=[]))), [phone.contact])

    def test_orderly_end(self) -> None:
        """Connections that the server itself closes at its end are lost to the next process, and not over."""
        flow = self.connect()
        self.register(Phone().register(), flow)
        self.location.stop()
        self.disconnect(flow)
        self.settle(self.durable)
        self.assertEqual([binding.lost for binding in self.bindings()], [True])

    def test_lost_for_so_long(self) -> None:
        """They are gone after 120 s, or when they would have expired."""
        self.register(Phone().register(), self.connect())
        self.register(Phone("bob").register(expires=60), self.connect())
        self.settle(self.durable)
        self.clock.advance(60)
        self.assertEqual((len(self.bindings()), len(self.bindings("sip:bob@example.com"))), (1, 0))
        self.clock.advance(60)
        self.assertEqual(self.bindings(), [])

    def test_coming_back(self) -> None:
        """A phone that comes back takes up its binding and is told to whom it matters."""
        phone = Phone("alice", UUID, 1)
        self.register(phone.register(), self.connect())
        self.settle(self.durable)
        flow = self.connect()
        self.assertEqual(contacts(self.register(phone.register(), flow)), [phone.contact])
        (binding,) = self.lookup()
        self.assertEqual(self.returned[-1], (binding.key, flow))

    def test_udp_is_live(self) -> None:
        """Bindings of UDP phones and of paths are targets at once, until they expire."""
        self.register(Phone().register(), self.connect("udp"))
        self.register(Phone("bob").register(), None, ["<sip:edge.example.com;lr;ob>"])
        self.settle(self.durable)
        self.clock.advance(599)
        self.assertEqual((len(self.lookup()), len(self.lookup("sip:bob@example.com"))), (1, 1))
        self.clock.advance(1)
        self.assertEqual((self.lookup(), self.lookup("sip:bob@example.com")), ([], []))

    def test_dead_first(self) -> None:
        """Lost ones are the first to go when a user has too many."""
        phone = Phone()
        self.register(phone.register(), self.connect())
        self.settle(self.durable, max_bindings=1, when_full="refuse")
        answer = self.register(Phone().register(), self.connect())
        self.assertNotIn(phone.contact, contacts(answer))

    def test_store_unreadable(self) -> None:
        """A store that cannot be read is told to whoever starts the server."""
        self.durable.broken = True
        self.assertRaises(StoreFailed, self.settle, self.durable)
