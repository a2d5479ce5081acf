//! How many TCP connections one program or machine may have open through the engine. Who opens one is asked of the kernel only
//! when there are many: below a quarter of all there is nothing to share out, and connecting stays as fast as it is.

use crate::engine::owner::Owner;
use crate::sys::process;
use std::collections::HashMap;

/// Connections that may be open at once where the limit of descriptors allows them; each has two.
const MOST: usize = 65_536;
/// Descriptors that are left to everything else: UDP, pipes, the helper itself.
const RESERVED: usize = 8_192;
/// Never fewer, however low the limit is.
const LEAST: usize = 256;

/// Who has how many.
pub struct TcpShares {
    most: usize,
    owners: HashMap<Owner, usize>,
}

impl TcpShares {
    /// By the process's limit of descriptors.
    pub fn new() -> Self {
        Self::of(process::descriptor_limit().saturating_sub(RESERVED) / 2)
    }

    fn of(most: usize) -> Self {
        Self {
            most: most.clamp(LEAST, MOST),
            owners: HashMap::new(),
        }
    }

    /// Takes a place while `open` connections are; `owner` is asked only when it matters. The owner it counts for, if for any;
    /// `Err` if its share or everything is used up.
    pub fn take(
        &mut self,
        open: usize,
        owner: impl FnOnce() -> Owner,
    ) -> Result<Option<Owner>, ()> {
        if open < self.most / 4 {
            return Ok(None);
        }
        if open >= self.most {
            return Err(());
        }
        let owner = owner();
        let count = self.owners.entry(owner).or_default();
        if *count >= self.most / 2 {
            return Err(());
        }
        *count += 1;
        Ok(Some(owner))
    }

    /// Gives a place back.
    pub fn give(&mut self, owner: Owner) {
        if let Some(count) = self.owners.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(&owner);
            }
        }
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
        assert_eq!(shares.owners.len(), 1);
        assert_eq!(
            shares.take(500, || Owner::User(1)),
            Ok(Some(Owner::User(1)))
        );
    }

    #[test]
    fn the_limit_of_descriptors_decides_within_bounds() {
        for (most, expected) in [(0, LEAST), (10_000, 10_000), (usize::MAX, MOST)] {
            assert_eq!(TcpShares::of(most).most, expected);
        }
    }
}
