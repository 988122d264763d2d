//! From a score in log-odds to a probability.
//!
//! The terms of [`crate::weigh`] are meant as natural log-odds, so the logistic function is the first
//! guess; the table corrects it where the labelled cases showed it too bold or too shy. Linear
//! between its points; no exponential, whose last digit differs between mathematics libraries.

/// (score, probability), ascending.
const TABLE: &[(f64, f64)] = &[
    (-3.0, 0.05),
    (-1.0, 0.27),
    (-0.5, 0.38),
    (0.0, 0.48),
    (0.5, 0.60),
    (1.0, 0.72),
    (1.5, 0.81),
    (2.0, 0.87),
    (2.5, 0.91),
    (3.0, 0.94),
    (3.5, 0.96),
    (4.5, 0.98),
    (6.0, 0.99),
];

/// Probability for a score, rounded to two digits.
pub fn confidence(score: f64) -> f64 {
    let (first, last) = (TABLE[0], TABLE[TABLE.len() - 1]);
    let raw = if score <= first.0 {
        first.1
    } else if score >= last.0 {
        last.1
    } else {
        let above = TABLE.iter().position(|point| point.0 > score).unwrap_or(TABLE.len() - 1);
        let (low, high) = (TABLE[above - 1], TABLE[above]);
        low.1 + (high.1 - low.1) * (score - low.0) / (high.0 - low.0)
    };
    (raw * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_grows_with_the_score_and_stays_below_one() {
        let mut last = 0.0;
        for tenth in -50..90 {
            let now = confidence(f64::from(tenth) / 10.0);
            assert!(now >= last && now < 1.0, "{tenth}: {now} after {last}");
            last = now;
        }
        assert!(confidence(0.0) < 0.5, "even odds do not name a cause");
    }
}
