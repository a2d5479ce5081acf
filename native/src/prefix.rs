//! Address prefixes in CIDR notation (RFC 4632, RFC 4291).

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// An address with a prefix length.
#[derive(Clone, Copy, Debug)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl FromStr for Prefix {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = text.split_once('/').ok_or(())?;
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let length: u8 = length.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if length > most {
            return Err(());
        }
        Ok(Self { address, length })
    }
}

impl Prefix {
    /// Whether an address is inside; IPv4-mapped addresses count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let length = u32::from(self.length);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(prefix), IpAddr::V4(address)) => {
                let different = prefix.to_bits() ^ address.to_bits();
                length == 0 || different >> (32 - length) == 0
            }
            (IpAddr::V6(prefix), IpAddr::V6(address)) => {
                let different = prefix.to_bits() ^ address.to_bits();
                length == 0 || different >> (128 - length) == 0
            }
            _ => false,
        }
    }
}

/// The /64 of an IPv6 address, as its first address; IPv4 addresses stay what they are, and IPv4-mapped ones become IPv4.
pub fn network64(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        let prefix: Prefix = "198.18.0.0/15".parse().unwrap();
        assert!(prefix.contains("198.19.255.255".parse().unwrap()));
        assert!(prefix.contains("::ffff:198.18.0.1".parse().unwrap()));
        assert!(!prefix.contains("198.20.0.0".parse().unwrap()));
        assert!(!prefix.contains("::1".parse().unwrap()));
        let prefix6: Prefix = "fdfe:dcba:9876::/96".parse().unwrap();
        assert!(prefix6.contains("fdfe:dcba:9876::c612:3".parse().unwrap()));
        assert!(!prefix6.contains("fdfe:dcba:9876:0:0:1::".parse().unwrap()));
        assert!(
            "0.0.0.0/0"
                .parse::<Prefix>()
                .unwrap()
                .contains("1.2.3.4".parse().unwrap())
        );
        assert!("10.0.0.0/33".parse::<Prefix>().is_err());
        assert!("10.0.0.0".parse::<Prefix>().is_err());
    }
}
