//! Numbers over time.

use serde::{Deserialize, Serialize};

use crate::base::{Problem, Result};
use crate::latent::walk::ease;

/// How time passes between two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Easing {
    /// Evenly.
    Linear,
    /// Slow at both ends.
    #[default]
    Smooth,
    /// Slow at first.
    In,
    /// Slow at last.
    Out,
    /// Not at all, until the next point.
    Hold,
}

impl Easing {
    /// Where `t` (0 to 1) has got to.
    pub fn eased(self, t: f64) -> f64 {
        match self {
            Self::Linear => t,
            Self::Smooth => ease(t),
            Self::In => t * t,
            Self::Out => t * (2.0 - t),
            Self::Hold => 0.0,
        }
    }
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds.
    pub time: f64,
    /// The number then.
    pub value: f64,
    /// How it goes on to the next point.
    #[serde(default)]
    pub easing: Easing,
}

/// A number over time: what its points say, in order of time.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Curve(pub Vec<Point>);

impl Curve {
    /// Straight lines through points.
    pub fn of(points: &[(f64, f64)]) -> Self {
        let point = |(time, value): &(f64, f64)| Point { time: *time, value: *value, easing: Easing::Linear };
        Self(points.iter().map(point).collect())
    }

    /// Whether its points follow each other.
    ///
    /// # Errors
    /// They do not, or are not finite.
    pub fn check(&self) -> Result<()> {
        let finite = self.0.iter().all(|p| p.time.is_finite() && p.value.is_finite());
        if finite && self.0.windows(2).all(|p| p[0].time < p[1].time) {
            Ok(())
        } else {
            Err(Problem::usage("The points of a curve must follow each other in time"))
        }
    }

    /// Its value at a time; 0 without points. Before the first and after the last point it stays, or goes round with a
    /// period.
    pub fn at(&self, time: f64, period: Option<f64>) -> f64 {
        let points = &self.0;
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return 0.0 };
        let between = |a: &Point, b: &Point, from: f64, until: f64| {
            if until <= from {
                return a.value;
            }
            let t = a.easing.eased(((time_on(time, from, period) - from) / (until - from)).clamp(0.0, 1.0));
            a.value + (b.value - a.value) * t
        };
        match points.iter().rposition(|p| p.time <= time) {
            Some(i) if i + 1 < points.len() => between(&points[i], &points[i + 1], points[i].time, points[i + 1].time),
            _ => match period {
                Some(period) => between(last, first, last.time, first.time + period),
                None if time < first.time => first.value,
                None => last.value,
            },
        }
    }
}

/// The same time, not before `from`.
fn time_on(time: f64, from: f64, period: Option<f64>) -> f64 {
    match period {
        Some(period) if time < from => time + period,
        _ => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_go_through_their_points_and_around() {
        let c = Curve::of(&[(1.0, 10.0), (3.0, 20.0)]);
        c.check().unwrap();
        assert_eq!([0.0, 1.0, 2.0, 3.0, 9.0].map(|t| c.at(t, None)), [10.0, 10.0, 15.0, 20.0, 20.0]);
        // From the last point at 3 to the first at 1 + 4 lie two seconds.
        assert_eq!([3.0, 3.5, 0.0, 0.5].map(|t| c.at(t, Some(4.0))), [20.0, 17.5, 15.0, 12.5]);
        assert_eq!(Curve::default().at(1.0, None), 0.0);
        assert!(Curve::of(&[(1.0, 0.0), (1.0, 1.0)]).check().is_err());
        assert!(Curve::of(&[(0.0, f64::NAN)]).check().is_err());
        let held = Curve(vec![
            Point { time: 0.0, value: 1.0, easing: Easing::Hold },
            Point { time: 1.0, value: 2.0, easing: Easing::Linear },
        ]);
        assert_eq!((held.at(0.99, None), held.at(1.0, None)), (1.0, 2.0));
    }

    #[test]
    fn easings_begin_and_end_where_they_must() {
        for easing in [Easing::Linear, Easing::Smooth, Easing::In, Easing::Out] {
            assert_eq!((easing.eased(0.0), easing.eased(1.0)), (0.0, 1.0), "{easing:?}");
        }
        assert!(Easing::In.eased(0.1) < 0.1 && Easing::Out.eased(0.1) > 0.1);
    }
}
