//! Trojan as a client, within TLS: who asks and for what, in front of the first bytes of the flow, which go as they are.
//! <https://trojan-gfw.github.io/trojan/protocol>

use crate::layer::{Broken, Finish, Layer};
use crate::socks5::{Command, Target, write_address};

/// One node, and where it leads.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Trojan {
    /// SHA-224 of the password, in 56 hexadecimal digits.
    pub key: String,
    pub target: Target,
}

const LINE_END: &[u8] = b"\r\n";

/// One connection.
pub struct TrojanLayer {
    /// Until it is said.
    head: Option<Vec<u8>>,
}

impl TrojanLayer {
    pub fn new(Trojan { key, target }: &Trojan, command: Command) -> Self {
        let mut head = [key.as_bytes(), LINE_END, &[command as u8]].concat();
        write_address(&mut head, target);
        head.extend_from_slice(LINE_END);
        Self { head: Some(head) }
    }
}

impl Layer for TrojanLayer {
    fn begin(&mut self, _wire: &mut Vec<u8>) -> Result<(), Broken> {
        Ok(())
    }

    fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        _wire: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        plain.extend_from_slice(bytes);
        Ok(())
    }

    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        if let Some(head) = self.head.take() {
            wire.extend_from_slice(&head);
        }
        wire.extend_from_slice(plain);
        Ok(())
    }

    fn finish(&mut self, wire: &mut Vec<u8>) -> Result<Finish, Broken> {
        self.send(&[], wire).map(|()| Finish::Below)
    }

    fn owes(&self) -> bool {
        self.head.is_some()
    }

    fn is_open(&self) -> bool {
        true
    }

    fn has_ended(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(command: Command, target: Target) -> TrojanLayer {
        // printf password | sha224sum
        let key = "d63dc919e201d7bc4c825630d2cf25fdc93d4b2f0d46706d29038d01".to_owned();
        TrojanLayer::new(&Trojan { key, target }, command)
    }

    #[test]
    fn the_request_stands_before_the_first_bytes() {
        let mut layer = layer(Command::Connect, Target::new("a.example", 443));
        let mut wire = Vec::new();
        layer.begin(&mut wire).unwrap();
        assert!(wire.is_empty() && layer.owes() && layer.is_open());
        layer.send(b"hello", &mut wire).unwrap();
        let expected = b"d63dc919e201d7bc4c825630d2cf25fdc93d4b2f0d46706d29038d01\r\n\x01\x03\x09a.example\x01\xbb\r\nhello";
        assert_eq!(wire, expected);
        layer.send(b" again", &mut wire).unwrap();
        assert!(wire.ends_with(b"hello again") && !layer.owes());
        let mut plain = Vec::new();
        layer
            .receive(&mut b"HTTP/1.1".to_vec(), &mut plain, &mut Vec::new())
            .unwrap();
        assert_eq!(plain, b"HTTP/1.1");
    }

    #[test]
    fn a_program_that_says_nothing_is_announced_all_the_same() {
        let mut layer = layer(Command::UdpAssociate, Target::new("2001:db8::1", 53));
        let mut wire = Vec::new();
        assert_eq!(layer.finish(&mut wire), Ok(Finish::Below));
        assert_eq!(wire[58..60], [3, 4]);
        assert!(wire.ends_with(b"\x00\x35\r\n"));
        assert_eq!(layer.finish(&mut wire), Ok(Finish::Below));
        assert_eq!(wire.len(), 58 + 1 + 1 + 16 + 2 + 2);
    }
}
