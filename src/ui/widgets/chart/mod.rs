//! Curves over the course of runs: smoothed with the raw line behind, linked cursor, flags for live edits.
//!
//! A view keeps one [`ChartSettings`] and one [`LinkedCursor`] for all its charts, and a [`Chart`] for each. Curves are
//! cached: a frame in which nothing grew only hands points to the painter.

mod band;
mod curve;
mod export;
mod raster;
mod scale;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use egui::{
    Align, Align2, Button, Color32, Layout, Pos2, Rect, Response, RichText, Role, Sense, Shape, Slider, Stroke,
    TextStyle, Ui, WidgetInfo, pos2, vec2,
};
use egui_plot::{AxisHints, Plot, PlotBounds, PlotPoints, PlotTransform};
use serde::{Deserialize, Serialize};

use crate::base::series::{Axis, Series};
use crate::ui::theme;
pub use band::Band;
use curve::{Curve, Reduction};
pub use export::csv;
pub use raster::picture_of;
pub use scale::{Scale, duration, grouped, number};

/// Room left of the plot for numbers, the same in all charts so that they line up.
const AXIS_WIDTH: f32 = 46.0;

/// How all charts of a view are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChartSettings {
    /// Weight of the moving average: 0 is the raw line, close to 1 is smooth.
    pub smoothing: f64,
    /// What is drawn across.
    pub axis: Axis,
    /// Logarithmic across.
    pub log_x: bool,
    /// Logarithmic upwards.
    pub log_y: bool,
    /// Choose the range without the largest and smallest 2 %.
    pub ignore_outliers: bool,
}

impl Default for ChartSettings {
    fn default() -> Self {
        Self { smoothing: 0.6, axis: Axis::Kimg, log_x: false, log_y: false, ignore_outliers: true }
    }
}

impl ChartSettings {
    /// The tools above charts: smoothing, what is drawn across, and a menu for scales and outliers.
    pub fn controls(&mut self, ui: &mut Ui) {
        ui.label(RichText::new("Smoothing").small().weak());
        ui.spacing_mut().slider_width = 80.0;
        let slider = theme::whole(ui, |ui| {
            ui.scope(|ui| {
                theme::sliders_on_canvas(ui);
                ui.add(Slider::new(&mut self.smoothing, 0.0..=0.99).fixed_decimals(2).show_value(false))
            })
            .inner
        });
        let help = format!("Smoothing {:.2}: a moving average; the raw line stays behind it", self.smoothing);
        slider.accessible_name("Smoothing").on_hover_text(help);
        theme::segmented(
            ui,
            "Across",
            &mut self.axis,
            &[(Axis::Kimg, "kimg"), (Axis::Step, "Step"), (Axis::Time, "Time")],
        );
        let menu = ui.menu_button("Axes", |ui| {
            ui.checkbox(&mut self.log_x, "Log x").on_hover_text("Logarithmic horizontal axis");
            ui.checkbox(&mut self.log_y, "Log y").on_hover_text("Logarithmic vertical axis");
            ui.checkbox(&mut self.ignore_outliers, "Ignore outliers")
                .on_hover_text("Choose the range without the largest and smallest 2 %");
        });
        menu.response.on_hover_text("Logarithmic axes, outliers");
    }

    fn scales(&self) -> (Scale, Scale) {
        (Scale::log_if(self.log_x), Scale::log_if(self.log_y))
    }
}

/// The pointer's place across, shared by all charts of a view. Call [`Self::begin`] once a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkedCursor {
    /// Place across, in the unit of the axis (kimg, steps, seconds).
    pub at: Option<f64>,
    next: Option<f64>,
}

impl LinkedCursor {
    /// Takes over what the charts reported in the last frame.
    pub fn begin(&mut self) {
        self.at = self.next.take();
    }
}

/// A curve of a chart.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Tells curves apart for good (for example a hash of run and name).
    pub id: u64,
    /// Name in the legend.
    pub name: Cow<'a, str>,
    /// Colour, from the theme's series.
    pub colour: Color32,
    /// Drawn solid (0), dashed (1) or dotted (2 and more): tells curves of one run apart where runs have the colours.
    pub dash: u8,
    /// Values.
    pub series: &'a Series,
    /// Their interval.
    pub band: Option<Band<'a>>,
}

/// Something that happened at one moment, such as a live edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// First step it holds for.
    pub step: u64,
    /// Pictures seen by then.
    pub images: u64,
    /// What it was, for example "Learning rate 0.0004 to 0.0002".
    pub text: String,
}

/// What a person asked of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartExport {
    /// The numbers, as comma-separated values: see [`csv`].
    Csv,
    /// The chart as a picture: see [`Chart::picture`].
    Png,
}

/// A chart's own state: which lines are hidden, whether a person zoomed, what was computed before.
#[derive(Debug, Default)]
pub struct Chart {
    hidden: BTreeSet<String>,
    curves: HashMap<u64, Curve>,
    zoomed: Option<PlotBounds>,
    made_for: Option<ChartSettings>,
    /// Drawn into a picture: nothing to click.
    printed: bool,
}

impl Chart {
    /// Whether a line is drawn.
    pub fn is_hidden(&self, name: &str) -> bool {
        self.hidden.contains(name)
    }

    /// Draws title, legend and plot in the room there is (at least 80 points high). `head`, if given, draws what
    /// stands in place of the title, such as a choice of charts.
    #[allow(clippy::too_many_arguments)]
    pub fn show(
        &mut self,
        ui: &mut Ui,
        title: &str,
        head: Option<&mut dyn FnMut(&mut Ui)>,
        lines: &[Line<'_>],
        flags: &[Flag],
        settings: &ChartSettings,
        cursor: &mut LinkedCursor,
    ) -> Option<ChartExport> {
        let export = self.header(ui, title, head, lines);
        let height = ui.available_height().max(80.0);
        self.plot(ui, title, height, lines, flags, settings, cursor);
        export
    }

    /// The chart as a picture, drawn without a screen at twice the size: 1920×1080 pixels.
    pub fn picture(
        &self,
        ctx: &egui::Context,
        title: &str,
        lines: &[Line<'_>],
        flags: &[Flag],
        settings: &ChartSettings,
    ) -> crate::base::Picture {
        let mut chart = Self { hidden: self.hidden.clone(), zoomed: self.zoomed, printed: true, ..Self::default() };
        chart.made_for = Some(*settings);
        raster::picture_of(ctx, vec2(960.0, 540.0), 2.0, |ui| {
            egui::Frame::NONE.inner_margin(16.0).show(ui, |ui| {
                chart.header(ui, title, None, lines);
                let height = ui.available_height();
                chart.plot(ui, title, height, lines, flags, settings, &mut LinkedCursor::default());
            });
        })
    }

    fn header(
        &mut self,
        ui: &mut Ui,
        title: &str,
        head: Option<&mut dyn FnMut(&mut Ui)>,
        lines: &[Line<'_>],
    ) -> Option<ChartExport> {
        let mut export = None;
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            match head {
                Some(head) => head(ui),
                None => {
                    ui.label(RichText::new(title).strong());
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if !self.printed {
                    self.menu(ui, title, &mut export);
                }
                ui.with_layout(Layout::left_to_right(Align::Center).with_main_wrap(false), |ui| {
                    egui::ScrollArea::horizontal().id_salt((title, "legend")).show(ui, |ui| {
                        for line in lines {
                            self.legend_entry(ui, line);
                        }
                    });
                });
            });
        });
        export
    }

    fn menu(&mut self, ui: &mut Ui, title: &str, export: &mut Option<ChartExport>) {
        ui.menu_button("…", |ui| {
            if ui.button("Save as CSV…").clicked() {
                *export = Some(ChartExport::Csv);
                ui.close();
            }
            if ui.button("Save as PNG…").clicked() {
                *export = Some(ChartExport::Png);
                ui.close();
            }
            if ui.add_enabled(self.zoomed.is_some(), Button::new("Show all")).clicked() {
                self.zoomed = None;
                ui.close();
            }
        })
        .response
        .accessible_name(format!("{title}: save or reset"))
        .on_hover_text("Save this chart, or show all");
    }

    fn legend_entry(&mut self, ui: &mut Ui, line: &Line<'_>) {
        let hidden = self.hidden.contains(line.name.as_ref());
        let font = TextStyle::Small.resolve(ui.style());
        let colour =
            if hidden { ui.visuals().weak_text_color().gamma_multiply(0.6) } else { ui.visuals().text_color() };
        let galley = ui.painter().layout_no_wrap(line.name.to_string(), font, colour);
        let size = vec2(galley.size().x + 26.0, 24.0);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let shown = !hidden;
        response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, shown, line.name.as_ref()));
        if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(rect, 4.0, ui.visuals().widgets.hovered.weak_bg_fill);
        }
        // One piece for a solid line, two for a dashed one, three for a dotted one.
        let pieces = f32::from(line.dash.min(2)) + 1.0;
        let width = (12.0 - 2.0 * (pieces - 1.0)) / pieces;
        for piece in 0..=line.dash.min(2) {
            let left = rect.left() + 4.0 + f32::from(piece) * (width + 2.0);
            let swatch = Rect::from_min_size(pos2(left, rect.center().y - 1.5), vec2(width, 3.0));
            ui.painter().rect_filled(swatch, 1.0, if hidden { colour } else { line.colour });
        }
        ui.painter().galley(pos2(rect.left() + 20.0, rect.center().y - galley.size().y / 2.0), galley, colour);
        let help = if hidden { "Show this line" } else { "Hide this line" };
        if response.on_hover_text(help).clicked() && !self.hidden.remove(line.name.as_ref()) {
            self.hidden.insert(line.name.to_string());
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn plot(
        &mut self,
        ui: &mut Ui,
        title: &str,
        height: f32,
        lines: &[Line<'_>],
        flags: &[Flag],
        settings: &ChartSettings,
        cursor: &mut LinkedCursor,
    ) {
        // Another unit across makes a zoom meaningless.
        let same = self
            .made_for
            .is_some_and(|m| (m.axis, m.log_x, m.log_y) == (settings.axis, settings.log_x, settings.log_y));
        if !same {
            self.zoomed = None;
        }
        self.made_for = Some(*settings);
        let shown: Vec<&Line<'_>> = lines.iter().filter(|l| !self.is_hidden(&l.name) && !l.series.is_empty()).collect();
        let (sx, sy) = settings.scales();
        let look = Reduction {
            smoothing: settings.smoothing,
            axis: settings.axis,
            x: sx,
            y: sy,
            range: self.zoomed.map(|b| (b.min()[0], b.max()[0])),
            buckets: ((ui.available_width() - AXIS_WIDTH).max(64.0) * 0.75) as usize,
        };
        self.curves.retain(|id, _| lines.iter().any(|l| l.id == *id));
        for line in &shown {
            self.curves.entry(line.id).or_default().update(line.series, look);
        }
        let bounds = self.zoomed.unwrap_or_else(|| self.all(&shown, settings));
        let curves = &self.curves;
        let smooth = settings.smoothing > 0.0;
        let small = TextStyle::Small.resolve(ui.style());
        let weak = ui.visuals().weak_text_color();
        let axis = settings.axis;
        let x_axis = AxisHints::new_x()
            .label_spacing(egui::Rangef::new(48.0, 64.0))
            .tick_label_font(small.clone())
            .tick_label_color(weak)
            .formatter(move |mark, _| place_name(axis, sx.back(mark.value)));
        let y_axis = AxisHints::new_y()
            .tick_label_font(small)
            .tick_label_color(weak)
            .min_thickness(AXIS_WIDTH)
            .formatter(move |mark, _| number(sy.back(mark.value)));
        let out = Plot::new((title, "plot"))
            .height(height)
            .custom_x_axes(vec![x_axis])
            .custom_y_axes(vec![y_axis])
            .x_grid_spacer(move |input| scale::grid(sx, input, 80.0))
            .y_grid_spacer(move |input| scale::grid(sy, input, 44.0))
            .grid_color(ui.visuals().widgets.noninteractive.bg_stroke.color)
            .show_background(false)
            .cursor_color(Color32::TRANSPARENT)
            .show_x(false)
            .show_y(false)
            .label_formatter(|_| None)
            .allow_scroll(false)
            .allow_double_click_reset(false)
            .set_margin_fraction(vec2(0.0, 0.0))
            .show(ui, |plot| {
                plot.set_plot_bounds(bounds);
                for line in &shown {
                    let Some(curve) = curves.get(&line.id) else { continue };
                    if smooth {
                        let raw = PlotPoints::Borrowed(curve.raw());
                        let faint = line.colour.gamma_multiply(0.28);
                        plot.line(
                            egui_plot::Line::new("", raw).id((line.id, 0)).color(faint).width(1.0).allow_hover(false),
                        );
                    }
                    let points = PlotPoints::Borrowed(if smooth { curve.smooth() } else { curve.raw() });
                    let style = match line.dash {
                        0 => egui_plot::LineStyle::Solid,
                        1 => egui_plot::LineStyle::dashed_dense(),
                        _ => egui_plot::LineStyle::dotted_dense(),
                    };
                    let main = egui_plot::Line::new(line.name.as_ref(), points).id((line.id, 1)).style(style);
                    let main = main.color(line.colour);
                    plot.line(main.width(1.75).allow_hover(false));
                }
            });
        out.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, describe(title, &shown)));
        self.follow(ui, &out.response, &out.transform);
        let frame = *out.transform.frame();
        let painter = ui.painter().with_clip_rect(frame.expand(1.0));
        for line in &shown {
            if let Some(band) = line.band {
                band.paint(&painter, &out.transform, settings, line.colour);
            }
        }
        if let Some(pointer) = out.response.hover_pos().filter(|p| frame.contains(*p)) {
            cursor.next = Some(sx.back(out.transform.value_from_position(pointer).x));
            if cursor.next != cursor.at {
                ui.ctx().request_repaint();
            }
        }
        let hovered_flag = self.flags(ui, &painter, &out.transform, flags, &shown, settings, out.response.hover_pos());
        if let Some(text) = hovered_flag {
            out.response.on_hover_text_at_pointer(text);
        } else if let Some(at) = cursor.at {
            self.values(ui, &painter, &out.transform, &shown, settings, at);
        }
    }

    /// Remembers what a person zoomed or panned to; a double click shows all again.
    fn follow(&mut self, ui: &Ui, response: &Response, transform: &PlotTransform) {
        if response.double_clicked() {
            self.zoomed = None;
            return;
        }
        let zooming = response.hovered() && ui.input(|i| i.zoom_delta() != 1.0);
        // A press without a movement is no wish to stay: the chart goes on following the run.
        let moved = response.dragged() && response.drag_delta() != egui::Vec2::ZERO;
        let dragging = moved || response.drag_stopped() && self.zoomed.is_some();
        if zooming || dragging {
            self.zoomed = Some(*transform.bounds());
        }
    }

    /// Bounds that show everything (or all but outliers), with a little room above and below.
    fn all(&self, shown: &[&Line<'_>], settings: &ChartSettings) -> PlotBounds {
        let (sx, sy) = settings.scales();
        let mut x: Option<(f64, f64)> = None;
        let mut y: Option<(f64, f64)> = None;
        let wider = |r: Option<(f64, f64)>, a: f64, b: f64| Some(r.map_or((a, b), |(c, d)| (c.min(a), d.max(b))));
        for line in shown {
            let n = line.series.len();
            let first = (0..n.min(64)).map(|i| sx.forward(line.series.x(settings.axis, i))).find(|v| v.is_finite());
            let last = sx.forward(line.series.x(settings.axis, n - 1));
            if let (Some(first), true) = (first, last.is_finite()) {
                x = wider(x, first, last);
            }
            if let Some((a, b)) = self.curves.get(&line.id).and_then(|c| c.spread(!settings.ignore_outliers)) {
                y = wider(y, a, b);
            }
            if let Some((a, b)) = line.band.and_then(|b| b.spread(settings)) {
                y = wider(y, a, b);
            }
        }
        let (mut left, mut right) = x.unwrap_or((0.0, 1.0));
        if !settings.log_x {
            left = left.min(0.0).max(left - (right - left) * 0.05);
        }
        if right - left < 1e-9 {
            right = left + 1.0;
        }
        let (low, high) = y.unwrap_or((0.0, 1.0));
        let room = ((high - low) * 0.08).max(if sy == Scale::Log { 0.05 } else { high.abs().max(1e-6) * 0.02 });
        PlotBounds::from_min_max([left, low - room], [right, high + room])
    }

    #[allow(clippy::too_many_arguments)]
    fn flags(
        &self,
        ui: &Ui,
        painter: &egui::Painter,
        transform: &PlotTransform,
        flags: &[Flag],
        shown: &[&Line<'_>],
        settings: &ChartSettings,
        pointer: Option<Pos2>,
    ) -> Option<String> {
        let frame = transform.frame();
        let colour = ui.visuals().warn_fg_color;
        let mut hovered: Vec<&str> = Vec::new();
        for flag in flags {
            let at = match settings.axis {
                Axis::Kimg => flag.images as f64 / 1000.0,
                Axis::Step => flag.step as f64,
                Axis::Time => match shown.first().map(|l| l.series) {
                    Some(s) => {
                        let i = s.images.partition_point(|&n| n < flag.images).min(s.len() - 1);
                        s.seconds[i]
                    }
                    None => continue,
                },
            };
            let place = settings.scales().0.forward(at);
            if !place.is_finite() || place < transform.bounds().min()[0] || place > transform.bounds().max()[0] {
                continue;
            }
            let x = transform.position_from_point_x(place);
            let stroke = Stroke::new(1.0, colour.gamma_multiply(0.7));
            painter.extend(Shape::dashed_line(&[pos2(x, frame.top()), pos2(x, frame.bottom())], stroke, 3.0, 3.0));
            let pennant = vec![pos2(x, frame.top()), pos2(x + 8.0, frame.top() + 4.0), pos2(x, frame.top() + 8.0)];
            painter.add(Shape::convex_polygon(pennant, colour, Stroke::NONE));
            if pointer.is_some_and(|p| (p.x - x).abs() < 6.0 && p.y < frame.top() + 24.0) {
                hovered.push(&flag.text);
            }
        }
        (!hovered.is_empty()).then(|| hovered.join("\n"))
    }

    /// The linked cursor: a line, a dot on every curve, and their values in the corner away from it.
    fn values(
        &self,
        ui: &Ui,
        painter: &egui::Painter,
        transform: &PlotTransform,
        shown: &[&Line<'_>],
        settings: &ChartSettings,
        at: f64,
    ) {
        let (sx, sy) = settings.scales();
        let frame = *transform.frame();
        let place = sx.forward(at);
        if !place.is_finite() {
            return;
        }
        let x = transform.position_from_point_x(place);
        if x < frame.left() - 1.0 || x > frame.right() + 1.0 {
            return;
        }
        let visuals = ui.visuals();
        painter.vline(x, frame.y_range(), Stroke::new(1.0, visuals.weak_text_color().gamma_multiply(0.7)));
        let font = TextStyle::Small.resolve(ui.style());
        let head = painter.layout_no_wrap(cursor_name(settings.axis, at), font.clone(), visuals.weak_text_color());
        let mut rows = Vec::new();
        for line in shown {
            let Some(curve) = self.curves.get(&line.id) else { continue };
            let n = line.series.len();
            let after = curve::partition(n, |i| line.series.x(settings.axis, i) < at);
            let near = |i: usize| (line.series.x(settings.axis, i) - at).abs();
            let i = if after == n || after > 0 && near(after - 1) < near(after) { after.max(1) - 1 } else { after };
            let value = if settings.smoothing > 0.0 { curve.smoothed()[i] } else { line.series.values[i] };
            let dot = pos2(x, transform.position_from_point_y(sy.forward(value)));
            if dot.y.is_finite() {
                painter.circle_filled(dot, 3.0, line.colour);
            }
            let text = format!("{}  {}", line.name, number(value));
            rows.push((line.colour, painter.layout_no_wrap(text, font.clone(), visuals.text_color())));
        }
        let width = rows.iter().map(|r| r.1.size().x + 14.0).fold(head.size().x, f32::max) + 16.0;
        let row = head.size().y + 2.0;
        let size = vec2(width, row * (rows.len() + 1) as f32 + 10.0);
        let corner = if x > frame.center().x { Align2::LEFT_TOP } else { Align2::RIGHT_TOP };
        let card = corner.align_size_within_rect(size, frame.shrink(6.0));
        painter.rect(
            card,
            4.0,
            visuals.window_fill.gamma_multiply(0.94),
            Stroke::new(1.0, visuals.widgets.noninteractive.bg_stroke.color),
            egui::StrokeKind::Inside,
        );
        let mut y = card.top() + 5.0;
        painter.galley(pos2(card.left() + 8.0, y), head, visuals.weak_text_color());
        for (colour, galley) in rows {
            y += row;
            let swatch = Rect::from_center_size(pos2(card.left() + 12.0, y + galley.size().y / 2.0), vec2(8.0, 3.0));
            painter.rect_filled(swatch, 1.0, colour);
            painter.galley(pos2(card.left() + 22.0, y), galley, visuals.text_color());
        }
    }
}

/// A number on the axis across.
fn place_name(axis: Axis, v: f64) -> String {
    match axis {
        Axis::Time => duration(v),
        _ => number(v),
    }
}

/// The cursor's place in words.
fn cursor_name(axis: Axis, v: f64) -> String {
    match axis {
        Axis::Kimg => format!("{} kimg", number(v)),
        Axis::Step => format!("Step {}", grouped(v.round() as i64)),
        Axis::Time => duration(v),
    }
}

/// What a screen reader says of a chart: the latest value of every line.
fn describe(title: &str, lines: &[&Line<'_>]) -> String {
    let latest = lines.iter().filter_map(|l| l.series.values.last().map(|v| format!("{} {}", l.name, number(*v))));
    let latest: Vec<String> = latest.collect();
    if latest.is_empty() { format!("{title}: no values yet") } else { format!("{title}: {}", latest.join(", ")) }
}

#[cfg(test)]
mod tests;
