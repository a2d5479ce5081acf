//! Verdict `peek`: a connection is accepted for the sake of its first bytes, which stay in its socket, and is held again.

use crate::command::{DialPlan, Peek, Verdict};
use crate::engine::core::Core;
use crate::engine::tcp::TcpFlows;
use crate::engine::tcp::flow::{Phase, Purpose, TcpFlow};
use crate::event::{DialReport, Event, PeekEnd, Reason};
use crate::outbound::Outbound;
use crate::relay::{Relay, Remote};
use crate::slab::Key;
use crate::sys::{self, socket};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

/// What is shown of a connection at most.
const MAX_SHOWN: usize = 32 * 1024;

impl TcpFlows {
    /// Accepts a held connection to look at what its program sends.
    pub(super) fn peek_held(&mut self, core: &mut Core, key: Key, peek: Peek) {
        if !self.admit(core, key, Purpose::Peek(peek)) {
            self.refuse_held(core, key);
            self.end(core, key, Reason::Dropped);
        }
    }

    /// Begins to wait for bytes of an accepted connection.
    pub(super) fn begin_peek(&mut self, core: &mut Core, key: Key, fd: OwnedFd, peek: Peek) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        flow.phase = Phase::Peeking {
            fd,
            at_least: peek.at_least,
            since: core.now,
            until: core.now + peek.timeout_ms,
        };
        self.look(core, key);
        self.schedule(core, key);
    }

    /// Looks whether enough is there.
    pub(super) fn look(&mut self, core: &mut Core, key: Key) {
        let Some(TcpFlow {
            phase:
                Phase::Peeking {
                    fd,
                    at_least,
                    until,
                    ..
                },
            track,
            ..
        }) = self.flows.get(key)
        else {
            return;
        };
        let mut bytes = vec![0; MAX_SHOWN];
        let end = match socket::receive(fd.as_fd(), &mut bytes, libc::MSG_PEEK) {
            Ok(length) => {
                bytes.truncate(length);
                if length == 0 || length == MAX_SHOWN || track.has_ended_after(length as u64) {
                    Some(PeekEnd::End)
                } else {
                    (length >= *at_least).then_some(PeekEnd::Bytes)
                }
            }
            Err(error) if sys::would_block(&error) => {
                bytes.clear();
                None
            }
            Err(_) => return self.break_off(core, key, Reason::ResetByClient),
        };
        let is_late = core.now >= *until;
        if let Some(end) = end.or(is_late.then_some(PeekEnd::Timeout)) {
            self.show(core, key, bytes, end);
        }
    }

    fn show(&mut self, core: &mut Core, key: Key, bytes: Vec<u8>, end: PeekEnd) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let ms = match std::mem::replace(&mut flow.phase, Phase::Closing) {
            Phase::Peeking { fd, since, .. } => {
                flow.phase = Phase::Waiting {
                    fd,
                    since: core.now,
                };
                core.now - since
            }
            other => {
                flow.phase = other;
                return;
            }
        };
        if let Some(identity) = flow.identity {
            core.hold_again(identity.id);
            core.outbox.push(Event::Peeked {
                id: identity.id,
                chunks: if bytes.is_empty() {
                    vec![]
                } else {
                    vec![bytes]
                },
                end,
                ms,
            });
        }
        self.schedule(core, key);
    }

    /// Carries out the verdict for a connection that was accepted by a peek.
    pub(super) fn decide_accepted(&mut self, core: &mut Core, key: Key, verdict: Verdict) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Phase::Waiting { fd, .. } = std::mem::replace(&mut flow.phase, Phase::Closing) else {
            return;
        };
        match verdict {
            Verdict::Dial(plan) => self.dial_accepted(core, key, fd, plan),
            Verdict::Peek(peek) => self.begin_peek(core, key, fd, peek),
            // It is connected already: nothing but a reset can tell it otherwise.
            Verdict::Reject(_) => {
                socket::reset_on_close(fd.as_fd());
                drop(fd);
                self.end(core, key, Reason::Rejected);
            }
        }
    }

    fn dial_accepted(&mut self, core: &mut Core, key: Key, fd: OwnedFd, plan: DialPlan) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let sender = flow.sender(&plan, core.options.mark);
        flow.phase = Phase::DialingAccepted {
            fd,
            outbound: Box::new(Outbound::connect(plan, sender, core.now)),
            wake: core.now,
        };
        self.drive(core, key);
    }

    /// Joins an accepted connection with the one that was dialled for it.
    pub(super) fn join(
        &mut self,
        core: &mut Core,
        key: Key,
        remote: Remote,
        peer: SocketAddr,
        report: DialReport,
    ) {
        let Some(flow) = self.flows.get_mut(key) else {
            return;
        };
        let Phase::DialingAccepted { fd, .. } = std::mem::replace(&mut flow.phase, Phase::Closing)
        else {
            return;
        };
        flow.phase = Phase::Relaying {
            relay: Box::new(Relay::new(fd, remote, core.now)),
            closing_since: None,
        };
        self.announce(core, key, Ok(peer.ip()), report);
        self.pump(core, key);
        self.schedule(core, key);
    }
}
