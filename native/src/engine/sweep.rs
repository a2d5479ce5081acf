//! After the machine's network has changed: looks for flows whose way out is no longer the kernel's choice, some at each turn of
//! the loop, for the kernel is asked about each host, and packets must not wait for thousands of answers.

use crate::engine::Engine;
use crate::engine::core::Core;
use crate::engine::flow::FlowRef;
use crate::engine::tcp::TcpFlows;
use crate::engine::udp::UdpFlows;
use crate::sys::route::Review;
use std::collections::VecDeque;

/// Flows looked at in a turn: some 10 us each at most.
const BURST: usize = 64;
/// When those about which the kernel did not answer are looked at again.
const AGAIN_MS: u64 = 200;

#[derive(Default)]
pub struct Sweep {
    /// Those still to be looked at.
    flows: VecDeque<FlowRef>,
    /// What the kernel has said since the last change.
    review: Option<Review>,
    /// All are to be looked at after those.
    is_due: bool,
    /// When all are to be looked at again.
    again_at: Option<u64>,
}

impl Sweep {
    /// The network has changed. However often that is while a sweep goes on, it comes to its end, and one more follows.
    pub fn demand(&mut self) {
        self.is_due = true;
        self.review = None;
        self.again_at = None;
    }

    /// How long there is nothing to do here; `None` is for ever.
    pub fn wait_ms(&self, now: u64) -> Option<u64> {
        self.again_at.map(|at| at.saturating_sub(now))
    }

    /// Looks at some. Whether there are more.
    pub fn step(&mut self, core: &mut Core, tcp: &mut TcpFlows, udp: &mut UdpFlows) -> bool {
        if self.again_at.is_some_and(|at| at <= core.now) {
            self.demand();
        }
        if self.flows.is_empty() {
            if !self.is_due {
                return false;
            }
            self.is_due = false;
            self.flows.extend(tcp.keys().into_iter().map(FlowRef::Tcp));
            self.flows.extend(udp.keys().into_iter().map(FlowRef::Udp));
        }
        let mark = core.options.mark;
        let review = self.review.get_or_insert_with(|| Review::new(mark));
        for flow in self.flows.drain(..BURST.min(self.flows.len())) {
            match flow {
                FlowRef::Tcp(key) => tcp.review(core, review, key),
                FlowRef::Udp(key) => udp.review(core, review, key),
                FlowRef::UdpOutlet(_) => {}
            }
        }
        let is_busy = self.is_due || !self.flows.is_empty();
        if !is_busy {
            let is_unsure = self.review.as_ref().is_some_and(Review::is_unsure);
            *self = Self::default();
            self.again_at = is_unsure.then_some(core.now + AGAIN_MS);
        }
        is_busy
    }
}

impl Engine {
    /// Looks at some of the flows whose way out may have changed. Whether there are more.
    pub(super) fn sweep(&mut self) -> bool {
        let Self {
            core,
            tcp,
            udp,
            sweep,
            ..
        } = self;
        sweep.step(core, tcp, udp)
    }
}
