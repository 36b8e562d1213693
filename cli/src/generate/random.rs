//! Chance that repeats: a small generator and the few distributions that events are drawn from.
//!
//! Written here and not taken from `rand`, because the same seed must give the same bytes
//! with every release and on every machine: `rand` keeps the right to change its standard
//! generator, and `ln` and `powf` differ between platforms. So everything is integers:
//! Zipf-like draws come from picking an octave, measured distributions from tables of
//! their quantiles.

/// Mixes a number thoroughly; a bijection on `u64`, so distinct inputs stay distinct.
///
/// **Source:** the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// Derives the seed of a part from the seed of the whole, so that parts are independent
/// and can be made in any order.
pub fn derive(seed: u64, part: u64) -> u64 {
    mix(seed ^ mix(part.wrapping_add(0x9E37_79B9_7F4A_7C15)))
}

/// A stable number for a name, to salt [`derive`] with (FNV-1a).
pub const fn salt(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01B3);
        i += 1;
    }
    hash
}

/// SplitMix64: one addition and one [`mix`] a number.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Rng(mix(seed))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `n` times in a thousand.
    pub fn permille(&mut self, n: u32) -> bool {
        self.below(1000) < u64::from(n)
    }

    /// An index below `n` with Zipf's skew (exponent 1): every octave 1, 2–3, 4–7 … is as
    /// likely as the next. 0 when `n` is 0.
    pub fn skewed(&mut self, n: u64) -> u64 {
        if n < 2 {
            return 0;
        }
        let octaves = u64::from(n.ilog2()) + 1;
        loop {
            let low = 1u64 << self.below(octaves);
            let index = low + self.below(low) - 1;
            if index < n {
                return index;
            }
        }
    }

    /// [`Rng::skewed`] more strongly: a handful of indexes make up most draws, as with the
    /// busiest principals and buckets of an account.
    pub fn mostly_first(&mut self, n: u64) -> u64 {
        let within = self.skewed(n) + 1;
        self.skewed(within)
    }

    /// A number from `low` to `high` whose logarithm is spread evenly.
    pub fn log_between(&mut self, low: u64, high: u64) -> u64 {
        low + self.skewed(high.saturating_sub(low) + 1)
    }

    /// An index without an upper end, whose number of distinct values a little more than
    /// doubles when three times as many are drawn: each octave is 0.82 times as likely as
    /// the one before. With the paths that all events share, the paths of the whole about
    /// double.
    pub fn open_ended(&mut self) -> u64 {
        let mut octave = 0;
        while octave < 40 && self.below(1000) < 820 {
            octave += 1;
        }
        let low = 1u64 << octave;
        low + self.below(low) - 1
    }

    /// One of `items`; `None` when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// A value of a measured distribution, given as `(permille, value)` with rising
    /// permille from 0 to 1000, and straight lines between.
    pub fn quantile(&mut self, table: &[(u64, u64)]) -> u64 {
        let at = self.below(1_000_000);
        for pair in table.windows(2) {
            if let [(from, low), (to, high)] = *pair
                && at < to * 1000
            {
                let width = (to - from) * 1000;
                let step = (at - from * 1000) * (high - low + 1) / width.max(1);
                return low + step.min(high - low);
            }
        }
        table.last().map_or(0, |&(_, value)| value)
    }
}

/// Splits `total` over `weights` to whole parts whose sum is exactly `total`.
///
/// Rounds the running sum up, so every part is within one of its exact share. All of
/// `total` goes to the first part when no weight is positive.
pub fn shares(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|&w| u128::from(w)).sum();
    if sum == 0 {
        let mut parts = vec![0; weights.len()];
        if let Some(first) = parts.first_mut() {
            *first = total;
        }
        return parts;
    }
    let mut reached = 0u128;
    let mut given = 0u64;
    weights
        .iter()
        .map(|&weight| {
            reached += u128::from(weight);
            let until = (u128::from(total) * reached).div_ceil(sum) as u64;
            let part = until - given;
            given = until;
            part
        })
        .collect()
}

/// Running sums of weights, to draw an index by weight.
#[derive(Clone, Debug, Default)]
pub struct Weighted {
    until: Vec<u64>,
}

impl Weighted {
    pub fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let mut sum = 0;
        let until = weights
            .into_iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        Weighted { until }
    }

    pub fn is_empty(&self) -> bool {
        self.until.last().is_none_or(|&sum| sum == 0)
    }

    /// An index, each as often as its weight says; 0 when nothing has weight.
    pub fn draw(&self, rng: &mut Rng) -> usize {
        let at = rng.below(self.until.last().copied().unwrap_or(0));
        self.until.partition_point(|&until| until <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_follow_the_weights() {
        let parts = shares(1_000, &[5, 3, 0, 2]);
        assert_eq!(parts, [500, 300, 0, 200]);
        assert_eq!(shares(7, &[1, 1, 1]).iter().sum::<u64>(), 7);
        assert_eq!(shares(7, &[0, 0]), [7, 0]);
    }

    #[test]
    fn quantiles_are_met() {
        let mut rng = Rng::new(1);
        let table = [(0, 1), (500, 5), (900, 16), (1000, 600)];
        let mut values: Vec<u64> = (0..20_000).map(|_| rng.quantile(&table)).collect();
        values.sort_unstable();
        assert_eq!(values[0], 1);
        assert!((4..=6).contains(&values[10_000]), "{}", values[10_000]);
        assert!((15..=30).contains(&values[18_000]), "{}", values[18_000]);
        assert!(values[19_999] <= 600);
    }

    #[test]
    fn skew_prefers_the_first_and_stays_in_range() {
        let mut rng = Rng::new(2);
        let mut counts = [0u32; 100];
        for _ in 0..10_000 {
            counts[rng.skewed(100) as usize] += 1;
        }
        assert!(counts[0] > 1_000, "{counts:?}");
        assert!(counts[99] > 0, "{counts:?}");
    }

    #[test]
    fn open_ended_doubles_when_draws_triple() {
        let distinct = |n: usize| {
            let mut rng = Rng::new(3);
            let seen: std::collections::HashSet<u64> = (0..n).map(|_| rng.open_ended()).collect();
            seen.len() as f64
        };
        let growth = distinct(90_000) / distinct(30_000);
        assert!((1.8..2.6).contains(&growth), "{growth}");
    }

    #[test]
    fn weights_of_zero_are_never_drawn() {
        let weighted = Weighted::new([0, 3, 0, 1]);
        let mut rng = Rng::new(4);
        for _ in 0..1_000 {
            assert!(matches!(weighted.draw(&mut rng), 1 | 3));
        }
    }
}
