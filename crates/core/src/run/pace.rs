//! How long to wait between tries: [`Pace`] to milliseconds, jittered by a seeded generator.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood 2014) as `rand_xoshiro` has it; its first values
//! are pinned by a test, so that a seed means the same start for ever.

use crate::code::Pace;
use crate::time::Millis;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::RngCore;

/// Least time between quick tries: at most ten a second.
const QUICK_MS: u32 = 100;
/// Jitter of quick tries; little, because they are what a start waits for.
const QUICK_JITTER_MS: u32 = 10;
/// Least time between tries that make a dependency work.
const DEEP_MS: u32 = 1000;
/// Their jitter: a quarter takes a fleet apart within a few tries.
const DEEP_JITTER_MS: u32 = 250;
/// Longest wait when there are too many clients.
const LONG_MAX_MS: u32 = 10_000;
/// First rest before a restart.
const REST_MS: u32 = 500;

/// The time from the beginning of one try to that of the next; `strikes` counts tries in a row that
/// came out alike, from 0.
pub(super) fn delay(pace: Pace, strikes: u8, random: &mut SplitMix64) -> Millis {
    let mut jitter = |most: u32| random.next_u32() % (most + 1);
    Millis(match pace {
        Pace::Quick => QUICK_MS + jitter(QUICK_JITTER_MS),
        Pace::Deep => DEEP_MS + jitter(DEEP_JITTER_MS),
        Pace::Long => {
            // Full jitter over a doubling cap: of the policies that were compared, the one with
            // the fewest calls per client.
            let cap = (2 * DEEP_MS).saturating_mul(1 << strikes.min(8)).min(LONG_MAX_MS);
            DEEP_MS + jitter(cap - DEEP_MS)
        }
    })
}

/// The rest before the child is started again after `restarts` of them in a row: half a
/// second, twice as long each time up to 8 s, of which half is random, so that a fleet does not come
/// back at once.
pub(super) fn rest(restarts: u8, random: &mut SplitMix64) -> Millis {
    let half = (REST_MS << restarts.min(4)) / 2;
    Millis(half + random.next_u32() % (half + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_xoshiro::rand_core::SeedableRng;

    #[test]
    fn the_generator_is_the_one_that_seeds_were_written_for() {
        let mut random = SplitMix64::from_seed(0u64.to_le_bytes());
        // First outputs of SplitMix64 from state 0, as published with the algorithm.
        assert_eq!(random.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next_u64(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn rests_double_up_to_a_bound() {
        let mut random = SplitMix64::seed_from_u64(7);
        for _ in 0..100 {
            for (restarts, most) in [(0, 500), (1, 1000), (2, 2000), (3, 4000), (4, 8000), (5, 8000), (255, 8000)] {
                assert!((most / 2..=most).contains(&rest(restarts, &mut random).0));
            }
        }
    }

    #[test]
    fn paces_keep_their_promises() {
        let mut random = SplitMix64::seed_from_u64(7);
        for strikes in 0..=255 {
            assert!((100..=110).contains(&delay(Pace::Quick, strikes, &mut random).0));
            assert!((1000..=1250).contains(&delay(Pace::Deep, strikes, &mut random).0));
            assert!((1000..=10_000).contains(&delay(Pace::Long, strikes, &mut random).0));
        }
    }
}
