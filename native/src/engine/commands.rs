//! What JavaScript tells the engine, to whom it concerns.

use crate::command::{Command, Verdict};
use crate::dns::Answers;
use crate::engine::Engine;
use crate::engine::dns_desk::Asker;
use crate::engine::flow::FlowRef;

impl Engine {
    /// False after `stop`.
    pub(super) fn on_commands(&mut self) -> bool {
        self.commands = self.core.shared.take_commands().into();
        while let Some(command) = self.commands.pop_front() {
            match command {
                Command::Decide { id, verdict } => self.decide(id, verdict),
                Command::DecideEcho { id, verdict } => {
                    self.echo.decide(&mut self.core, id, verdict);
                }
                Command::Close { id, ending } => match self.core.find(id) {
                    Some(FlowRef::Tcp(key)) => self.tcp.close(&mut self.core, key, ending),
                    Some(FlowRef::Udp(key)) => self.udp.close(&mut self.core, key, ending),
                    Some(FlowRef::UdpOutlet(_)) | None => {}
                },
                Command::AnswerDns { answers } => {
                    for (token, message) in Answers(&answers).flatten() {
                        self.answer_dns(token, message);
                    }
                }
                Command::Carry6 { prefixes } => self.core.options.carried6 = prefixes,
                Command::SetMtu { mtu } => self.core.options.mtu = mtu,
                Command::HijackDns { hijack } => self.core.options.hijack = hijack,
                Command::Review => {
                    self.sweep.demand();
                    self.echo.reroute(self.core.options.mark);
                }
                Command::Stop => {
                    self.stop();
                    return false;
                }
            }
        }
        true
    }

    pub(super) fn answer_dns(&mut self, token: u64, message: &[u8]) {
        match self.core.dns.take(token) {
            Some(Asker::Tcp(key)) => self.tcp.answer_dns(&mut self.core, key, message),
            Some(Asker::Udp(ends)) => {
                self.core
                    .send_datagram(ends.destination, ends.client, message, 0);
            }
            None => {}
        }
    }

    pub(super) fn decide(&mut self, id: u64, verdict: Verdict) {
        match self.core.find(id) {
            Some(FlowRef::Tcp(key)) => self.tcp.decide(&mut self.core, key, verdict),
            Some(FlowRef::Udp(key)) => self.udp.decide(&mut self.core, key, verdict),
            Some(FlowRef::UdpOutlet(_)) | None => {}
        }
    }
}
