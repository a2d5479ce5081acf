//! How many TCP connections one program or machine may have open through the engine. Who opens one is asked of the kernel only
//! when there are many: below a quarter of all there is nothing to share out, and connecting stays as fast as it is.

use crate::engine::owner::Owner;
use crate::engine::quota::Quota;
use crate::sys::process;

/// Connections that may be open at once where the limit of descriptors allows them; each has two.
const MOST: usize = 65_536;
/// Descriptors that are left to everything else: UDP, pipes, the helper itself.
const RESERVED: usize = 8_192;
/// Never fewer, however low the limit is.
const LEAST: usize = 256;

/// Who has how many.
pub struct TcpShares(Quota);

impl TcpShares {
    /// By the process's limit of descriptors.
    pub fn new() -> Self {
        Self::of(process::descriptor_limit().saturating_sub(RESERVED) / 2)
    }

    fn of(most: usize) -> Self {
        Self(Quota::new(most.clamp(LEAST, MOST)))
    }

    /// Takes a place while `open` connections are; `owner` is asked only when it matters. The owner it counts for, if for any;
    /// `Err` if its share or everything is used up.
    pub fn take(
        &mut self,
        open: usize,
        owner: impl FnOnce() -> Owner,
    ) -> Result<Option<Owner>, ()> {
        let most = self.0.most();
        if open < most / 4 {
            return Ok(None);
        }
        if open >= most {
            return Err(());
        }
        let owner = owner();
        if self.0.take(owner, 1) {
            Ok(Some(owner))
        } else {
            Err(())
        }
    }

    /// Gives a place back.
    pub fn give(&mut self, owner: Owner) {
        self.0.give(owner, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_leaves_a_quarter_to_the_others() {
        let mut shares = TcpShares::of(1_000);
        let mut open = 0;
        let mut greedy = Vec::new();
        while let Ok(owner) = shares.take(open, || Owner::User(1)) {
            open += 1;
            greedy.push(owner);
        }
        assert_eq!(open, 750);
        assert_eq!(shares.take(100, || panic!("asked for nothing")), Ok(None));
        while shares.take(open, || Owner::User(2)).is_ok() {
            open += 1;
        }
        assert_eq!(open, 1_000);
        for owner in greedy.into_iter().flatten() {
            shares.give(owner);
        }
        assert_eq!(
            shares.take(500, || Owner::User(1)),
            Ok(Some(Owner::User(1)))
        );
    }

    #[test]
    fn a_container_that_invents_addresses_leaves_a_quarter_to_the_others() {
        let mut shares = TcpShares::of(1_000);
        let mut open = 0;
        let mut container = |address| {
            let owner = Owner::Host(std::net::Ipv4Addr::from_bits(address).into());
            let is_taken = shares.take(open, || owner).is_ok();
            open += usize::from(is_taken);
            is_taken
        };
        assert_eq!((0..5_000).filter(|_| container(1)).count(), 500);
        assert_eq!(
            (0..5_000).filter(|address| container(*address)).count(),
            250
        );
        while shares.take(open, || Owner::User(2)).is_ok() {
            open += 1;
        }
        assert_eq!(open, 1_000);
    }

    #[test]
    fn the_limit_of_descriptors_decides_within_bounds() {
        for (most, expected) in [(0, LEAST), (10_000, 10_000), (usize::MAX, MOST)] {
            assert_eq!(TcpShares::of(most).0.most(), expected);
        }
    }
}
