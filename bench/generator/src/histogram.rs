//! Latencies, counted in buckets whose width grows with the value: at most 1 % wide, whatever the
//! range.

use std::time::Duration;

/// Buckets per doubling, as a power of two.
const PRECISION: u32 = 7;
/// Latencies above some 18 minutes share the last bucket.
const DOUBLINGS: usize = 34;
const BUCKETS: usize = (DOUBLINGS + 1) << PRECISION;

/// How often each latency was seen.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: 0 }
    }
}

impl Histogram {
    pub fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanoseconds)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(nanoseconds);
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    pub fn count(&self) -> u64 {
        self.total
    }

    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The latency that the fraction `q` of all stayed below or at; zero if there were none.
    pub fn quantile(&self, q: f64) -> Duration {
        let wanted = (q * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper_end(index).min(self.max));
            }
        }
        self.max()
    }
}

/// Values below two to the `PRECISION` have a bucket each; above, each doubling is cut into as many
/// equal parts.
fn bucket(value: u64) -> usize {
    let doubling = (u64::BITS - value.leading_zeros()).saturating_sub(PRECISION + 1);
    let index = ((doubling as usize) << PRECISION) + (value >> doubling) as usize;
    index.min(BUCKETS - 1)
}

fn upper_end(index: usize) -> u64 {
    let doubling = (index >> PRECISION).saturating_sub(1);
    let within = index - (doubling << PRECISION);
    ((within as u64 + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_are_narrow() {
        for value in (0..40).flat_map(|shift| [1_u64 << shift, (1 << shift) + 1, (3 << shift) - 1]) {
            let end = upper_end(bucket(value));
            assert!(end >= value, "{value} above the end of its bucket, {end}");
            assert!(end - value <= value / 100 + 1, "{value} and {end} share a bucket");
            assert_eq!(bucket(end), bucket(value));
            assert_eq!(bucket(end + 1), bucket(value) + 1);
        }
    }

    #[test]
    fn quantiles_count_from_below() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        for microseconds in 1..=100 {
            histogram.record(Duration::from_micros(microseconds));
        }
        let median = histogram.quantile(0.5).as_nanos();
        assert!((50_000..=50_500).contains(&median), "{median}");
        assert_eq!(histogram.quantile(1.0), Duration::from_micros(100));
    }
}
