//! After the machine's network has changed: looks for flows whose way out is no longer the kernel's choice, some at each turn of
//! the loop, for the kernel is asked about each host, and packets must not wait for thousands of answers.

use crate::engine::Engine;
use crate::engine::core::Core;
use crate::engine::flow::FlowRef;
use crate::engine::tcp::TcpFlows;
use crate::engine::udp::UdpFlows;
use crate::route::Review;
use std::collections::VecDeque;

/// Flows looked at in a turn: some 10 us each at most.
const BURST: usize = 64;

#[derive(Default)]
pub struct Sweep {
    /// Those still to be looked at.
    flows: VecDeque<FlowRef>,
    /// What the kernel has said since the last change.
    review: Option<Review>,
    /// All are to be looked at after those.
    is_due: bool,
}

impl Sweep {
    /// The network has changed. However often that is while a sweep goes on, it comes to its end, and one more follows.
    pub fn demand(&mut self) {
        self.is_due = true;
        self.review = None;
    }

    /// Looks at some. Whether there are more.
    pub fn step(&mut self, core: &mut Core, tcp: &mut TcpFlows, udp: &mut UdpFlows) -> bool {
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
            *self = Self::default();
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
