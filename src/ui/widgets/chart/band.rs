//! The interval around a curve, as a faint band.

use egui::{Color32, Mesh, Painter, Shape};
use egui_plot::{PlotPoint, PlotTransform};

use super::ChartSettings;
use crate::base::series::Series;

/// Bounds of a curve's values, read back together with them.
#[derive(Clone, Copy, Debug)]
pub struct Band<'a> {
    /// Lower bound.
    pub low: &'a Series,
    /// Upper bound.
    pub high: &'a Series,
}

impl Band<'_> {
    /// Places and bounds on the drawn scale, in order; those that cannot be drawn are left out.
    fn drawn(&self, settings: &ChartSettings) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        let (sx, sy) = settings.scales();
        let axis = settings.axis;
        let n = self.low.len().min(self.high.len());
        (0..n).filter_map(move |i| {
            let point =
                (sx.forward(self.low.x(axis, i)), sy.forward(self.low.values[i]), sy.forward(self.high.values[i]));
            (point.0.is_finite() && point.1.is_finite() && point.2.is_finite()).then_some(point)
        })
    }

    /// Lowest and highest bound on the drawn scale.
    pub fn spread(&self, settings: &ChartSettings) -> Option<(f64, f64)> {
        self.drawn(settings)
            .fold(None, |s, (_, low, high)| Some(s.map_or((low, high), |(a, b): (f64, f64)| (a.min(low), b.max(high)))))
    }

    /// Draws it.
    pub fn paint(&self, painter: &Painter, transform: &PlotTransform, settings: &ChartSettings, colour: Color32) {
        let mut mesh = Mesh::default();
        let faint = colour.gamma_multiply(0.16);
        for (i, (x, low, high)) in self.drawn(settings).enumerate() {
            for y in [low, high] {
                mesh.colored_vertex(transform.position_from_point(&PlotPoint::new(x, y)), faint);
            }
            if i > 0 {
                let at = 2 * i as u32;
                mesh.add_triangle(at - 2, at - 1, at);
                mesh.add_triangle(at - 1, at, at + 1);
            }
        }
        painter.add(Shape::mesh(mesh));
    }
}
