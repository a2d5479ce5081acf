//! All pipes: how many there are and whose they are, and the empty ones for reuse.

use crate::engine::owner::Owner;
use crate::sys::pipe::Pipe;
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

/// Pipes that may be at once: what nobody reads on the other side stays in them. Beyond, bytes are copied.
pub const MAX_LARGE: usize = 64;
pub const MAX_SMALL: usize = 1_024;
/// Empty pipes of each size that are kept for reuse; more are closed when they come back.
const MAX_IDLE: usize = 32;

/// A pipe of the pool in the hands of a relay.
pub struct Lent {
    pipe: Pipe,
    owner: Option<Owner>,
}

impl Deref for Lent {
    type Target = Pipe;

    fn deref(&self) -> &Pipe {
        &self.pipe
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Pipe {
        &mut self.pipe
    }
}

/// A client gets a pipe while it has no more than it leaves free (a forwarded address no more than a third of it), as with held
/// flows: one alone has half, and there is always one for the next.
#[derive(Default)]
pub struct PipePool {
    large: Kind,
    small: Kind,
}

#[derive(Default)]
struct Kind {
    /// Those in use.
    lent: usize,
    idle: Vec<Pipe>,
    by_owner: HashMap<Owner, usize>,
}

impl Kind {
    fn take(&mut self, is_large: bool, owner: Option<Owner>) -> Option<Lent> {
        let most = if is_large { MAX_LARGE } else { MAX_SMALL };
        let has_room = |charged: Owner| {
            let own = self.by_owner.get(&charged).copied().unwrap_or(0);
            own * (charged.divisor() - 1) + self.lent < most
        };
        if !owner.map_or(self.lent < most, |owner| owner.charged().all(has_room)) {
            return None;
        }
        let pipe = match self.idle.pop() {
            Some(pipe) => pipe,
            None => Pipe::new(is_large).ok()?,
        };
        self.lent += 1;
        for charged in owner.into_iter().flat_map(Owner::charged) {
            *self.by_owner.entry(charged).or_default() += 1;
        }
        Some(Lent { pipe, owner })
    }

    fn give(&mut self, Lent { pipe, owner }: Lent) {
        self.lent -= 1;
        for charged in owner.into_iter().flat_map(Owner::charged) {
            if let Some(count) = self.by_owner.get_mut(&charged) {
                *count -= 1;
                if *count == 0 {
                    self.by_owner.remove(&charged);
                }
            }
        }
        // One with bytes inside is closed: they would end up in another flow.
        if pipe.filled() == 0 && self.idle.len() < MAX_IDLE {
            self.idle.push(pipe);
        }
    }
}

impl PipePool {
    /// One that has given everything away.
    #[cfg(test)]
    pub fn exhausted() -> Self {
        let all = |lent| Kind {
            lent,
            ..Kind::default()
        };
        Self {
            large: all(MAX_LARGE),
            small: all(MAX_SMALL),
        }
    }

    /// Descriptors of all, the idle ones included.
    pub fn descriptors(&self) -> usize {
        let kinds = [&self.large, &self.small];
        kinds
            .map(|kind| 2 * (kind.lent + kind.idle.len()))
            .iter()
            .sum()
    }

    /// Whether it matters who takes another: a quarter of the large ones is in use.
    pub fn is_scarce(&self) -> bool {
        self.large.lent >= MAX_LARGE / 4
    }

    /// An empty pipe, large if `owner` may have another such; `None` if it may have none, or no descriptors are left. While they are
    /// not scarce nobody is asked who it is for.
    pub fn take(&mut self, owner: Option<Owner>) -> Option<Lent> {
        let owner = owner.filter(|_| self.is_scarce());
        let large = self.large.take(true, owner);
        large.or_else(|| self.small.take(false, owner))
    }

    /// Takes a pipe back.
    pub fn give(&mut self, lent: Lent) {
        let kind = if lent.is_large() {
            &mut self.large
        } else {
            &mut self.small
        };
        kind.give(lent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    fn take_all(pool: &mut PipePool, owner: Option<Owner>) -> Vec<Lent> {
        std::iter::from_fn(|| pool.take(owner)).collect()
    }

    fn large(pipes: &[Lent]) -> usize {
        pipes.iter().filter(|pipe| pipe.is_large()).count()
    }

    #[test]
    fn pipes_are_bounded_and_come_back() {
        crate::sys::process::raise_descriptor_limit();
        let mut pool = PipePool::default();
        let mut taken = take_all(&mut pool, None);
        assert_eq!(
            (large(&taken), taken.len()),
            (MAX_LARGE, MAX_LARGE + MAX_SMALL)
        );
        // One with bytes inside is closed, which makes room for another.
        let mut full = taken.pop().unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        (&far).write_all(b"x").unwrap();
        assert_eq!(full.fill_from(near.as_fd()).unwrap(), 1);
        pool.give(full);
        assert!(pool.take(None).is_some_and(|pipe| !pipe.is_large()));
        for pipe in taken {
            pool.give(pipe);
        }
        assert_eq!((pool.large.lent, pool.large.idle.len()), (0, MAX_IDLE));
        assert!(pool.take(None).is_some_and(|pipe| pipe.is_large()));
    }

    #[test]
    fn one_has_half_of_the_large_ones_and_the_next_half_of_the_rest() {
        crate::sys::process::raise_descriptor_limit();
        let mut pool = PipePool::default();
        let of_users: Vec<Vec<Lent>> = (0..3)
            .map(|uid| take_all(&mut pool, Some(Owner::User(uid))))
            .collect();
        // The first few are nobody's.
        let counts: Vec<usize> = of_users.iter().map(|pipes| large(pipes)).collect();
        assert_eq!(counts, [40, 12, 6]);
        assert!(of_users.iter().all(|pipes| pipes.len() > large(pipes)));
        assert!(
            pool.take(Some(Owner::User(9)))
                .is_some_and(|pipe| pipe.is_large())
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_newcomer_always_gets_one_and_all_come_back(
            steps in prop::collection::vec((0u32..6, 0usize..80, any::<bool>()), 0..24)
        ) {
            crate::sys::process::raise_descriptor_limit();
            let mut pool = PipePool::default();
            let mut taken: Vec<Lent> = Vec::new();
            for (uid, count, is_given) in steps {
                for _ in 0..count {
                    if is_given {
                        taken.pop().into_iter().for_each(|pipe| pool.give(pipe));
                    } else {
                        taken.extend(pool.take(Some(Owner::User(uid))));
                    }
                }
                let newcomer = pool.take(Some(Owner::User(99)));
                prop_assert!(newcomer.is_some());
                newcomer.into_iter().for_each(|pipe| pool.give(pipe));
                prop_assert!(pool.large.lent <= MAX_LARGE && pool.small.lent <= MAX_SMALL);
                prop_assert_eq!(pool.large.lent + pool.small.lent, taken.len());
            }
            taken.into_iter().for_each(|pipe| pool.give(pipe));
            prop_assert!(pool.large.by_owner.is_empty() && pool.small.by_owner.is_empty());
        }
    }
}
