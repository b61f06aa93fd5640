//! The special functions the judge rests on: beta, gamma, normal and Student quantiles.

use statrs::function::erf::{erf_inv, erfc};
use statrs::function::gamma::{gamma_ur, ln_gamma};

/// Halvings of an interval no wider than one: 2^-60 is below what an `f64` near one resolves.
const BISECTIONS: u32 = 60;

/// The standard normal quantile.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    std::f64::consts::SQRT_2 * erf_inv(2.0 * p - 1.0)
}

/// The chance that a standard normal value lies above `z`.
pub(crate) fn normal_above(z: f64) -> f64 {
    0.5 * erfc(z / std::f64::consts::SQRT_2)
}

/// Student's t quantile: exact at one and two degrees of freedom (fewer than 2.5 count as two,
/// fewer than 1.5 as one), Cornish and Fisher's expansion (to 3e-4) from there on.
pub(crate) fn student_quantile(p: f64, degrees: f64) -> f64 {
    if degrees < 1.5 {
        return (std::f64::consts::PI * (p - 0.5)).tan();
    }
    if degrees < 2.5 {
        return (2.0 * p - 1.0) / (2.0 * p * (1.0 - p)).sqrt();
    }
    let z = normal_quantile(p);
    let v = degrees;
    let (z3, z5, z7, z9) = (z.powi(3), z.powi(5), z.powi(7), z.powi(9));
    z + (z3 + z) / (4.0 * v)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * v * v)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * v.powi(3))
        + (79.0 * z9 + 776.0 * z7 + 1482.0 * z5 - 1920.0 * z3 - 945.0 * z) / (92_160.0 * v.powi(4))
}

/// The regularised incomplete beta function, by Lentz's continued fraction (DLMF 8.17.22), which
/// takes about `√max(a, b)` steps. statrs' own stops silently after 140, too few for a load test.
pub(crate) fn beta_regularised(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = beta_front(a, b, x);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

/// `xᵃ(1−x)ᵇ/B(a,b)`, written around its peak (Loader 2000): the difference of log gammas would lose
/// as many digits as `a + b` has.
fn beta_front(a: f64, b: f64, x: f64) -> f64 {
    let from_peak = x * (a + b) - a;
    let shape = a * (from_peak / a).ln_1p() + b * (-from_peak / b).ln_1p();
    let scale = 0.5 * (a / std::f64::consts::TAU * (b / (a + b))).ln();
    (shape + scale + stirling_error(a + b) - stirling_error(a) - stirling_error(b)).exp()
}

/// What Stirling's formula leaves of the log gamma function.
fn stirling_error(x: f64) -> f64 {
    if x < 16.0 {
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln();
        return ln_gamma(x) - ((x - 0.5) * x.ln() - x + half_log_tau);
    }
    let square = x * x;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square) / x
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..1_000_000_u32 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() <= 1e-15 {
            break;
        }
    }
    fraction
}

/// The quantile of the beta distribution.
pub(crate) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if beta_regularised(a, b, middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The chance that a Poisson count of this mean is at most `count`.
pub(crate) fn poisson_at_most(count: u64, mean: f64) -> f64 {
    if mean <= 0.0 { 1.0 } else { gamma_ur(count as f64 + 1.0, mean) }
}

/// The mean at which a Poisson count is at most `count` with chance `p`.
pub(crate) fn poisson_mean(count: u64, p: f64) -> f64 {
    let k = count as f64;
    let (mut low, mut high) = (0.0, k + 1.0);
    while poisson_at_most(count, high) > p {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if poisson_at_most(count, middle) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, wanted: f64, relative: f64) {
        assert!((got - wanted).abs() <= relative * wanted.abs(), "{got} is not {wanted}");
    }

    #[test]
    fn normal_and_student_quantiles_match_scipy() {
        near(normal_quantile(0.975), 1.959_963_984_540_054, 1e-12);
        near(normal_quantile(0.995), 2.575_829_303_548_900_4, 1e-12);
        near(normal_above(1.959_963_984_540_054), 0.025, 1e-9);
        near(normal_above(4.0), 3.167_124_183_311_986e-5, 1e-9);
        near(student_quantile(0.975, 1.0), 12.706_204_736_174_694, 1e-9);
        near(student_quantile(0.975, 2.0), 4.302_652_729_749_462, 1e-9);
        near(student_quantile(0.975, 5.0), 2.570_581_835_636_314_6, 3e-4);
        near(student_quantile(0.975, 10.0), 2.228_138_851_986_274, 1e-5);
        near(student_quantile(0.975, 50.0), 2.008_559_112_100_761, 1e-8);
        near(student_quantile(0.995, 5.0), 4.032_142_983_555_228, 2e-3);
    }

    #[test]
    fn poisson_tails_match_scipy() {
        near(poisson_at_most(3, 7.5), 0.059_145_459_832_683_93, 1e-9);
        near(poisson_at_most(0, 3.0), (-3.0_f64).exp(), 1e-12);
        assert!((poisson_at_most(10, 0.0) - 1.0).abs() < f64::EPSILON);
        near(poisson_mean(0, 0.025), 3.688_879_454_113_936, 1e-12);
        near(poisson_mean(20, 0.025), 30.888_377_902_674_6, 1e-9);
        near(poisson_mean(20, 0.975), 12.999_330_984_076_186, 1e-9);
    }
}
