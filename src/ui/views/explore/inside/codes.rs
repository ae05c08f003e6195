//! How a VAE uses its latents: KL and spread of each number, beside the prior.

use std::sync::Arc;

use egui::{CornerRadius, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons::{ICON_BAR_CHART, ICON_SPEED};

use super::super::own;
use super::super::work::{self, Doing};
use super::{PURPOSE, Page};
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::activations::codes::{NumberUse, REACH};
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::action::{Action, Parcel};
use crate::ui::format;
use crate::ui::theme::{self, size};
use crate::ui::views::explore::atlas::source;
use crate::ui::views::explore::desk::{Desk, Tab};
use crate::ui::views::explore::{Cx, Out, ViewId, traverse};

/// Size of a number's card.
const CARD: egui::Vec2 = vec2(168.0, 118.0);

/// What was measured.
struct Measured {
    model: ModelRef,
    hash: String,
    numbers: Arc<Vec<NumberUse>>,
    prior: Vec<f32>,
}

/// What is known of codes.
#[derive(Default)]
pub struct Codes {
    job: Option<(JobId, String)>,
    measured: Option<Measured>,
    /// The model's own pictures are known now.
    again: bool,
}

impl Codes {
    /// Draws them; what is looked at after that.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        desk: &mut Desk,
        out: &mut Out,
        pages: impl FnOnce(&mut Ui, &mut Out) -> Page,
    ) -> Page {
        if std::mem::take(&mut self.again) && own::is_wanted(self.job.as_ref().map(|j| j.0), cx) {
            self.measure(info, desk, cx);
        }
        let known = self.measured.as_ref().filter(|m| m.model == info.model && m.hash == info.hash);
        let numbers = known.map(|m| (m.numbers.clone(), m.prior.clone()));
        let page = theme::toolbar(ui, |ui| {
            let page = pages(ui, out);
            let mut data = Some(desk.inside.data.clone());
            if source(ui, cx, &mut data, PURPOSE, false) {
                desk.inside.data = data.unwrap_or_default();
                out.label = Some("choose pictures to measure on");
            }
            let job = self.job.as_ref().map(|j| j.0);
            let doing = work::shown(ui, cx, job, 140.0, "Measuring codes", "Cancel");
            if doing == Doing::Nothing
                && numbers.is_some()
                && theme::button(ui, Some(ICON_SPEED), "Measure again").clicked()
            {
                self.measure(info, desk, cx);
            }
            page
        });
        match numbers {
            Some((numbers, prior)) => self.cards(ui, cx, info, desk, out, (&numbers, &prior)),
            None => self.nothing(ui, cx, info, desk),
        }
        page
    }

    fn measure(&mut self, info: &ModelInfo, desk: &Desk, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        let (model, data) = (info.model.clone(), desk.inside.data.clone());
        self.job = Some((job, info.hash.clone()));
        cx.send(Command::Latent(LatentCommand::CodeUse { job, model, data }));
    }

    fn nothing(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &Desk) {
        let job = self.job.as_ref().and_then(|j| cx.studio.jobs.get(&j.0));
        if work::is_on(self.job.as_ref().map(|j| j.0), cx) {
            let title = job.map_or("Waiting", |j| j.title.as_str()).to_string();
            theme::empty_state(ui, ICON_BAR_CHART, "Measuring how codes are used", &title, None);
            return;
        }
        if own::is_wanted(self.job.as_ref().map(|j| j.0), cx) && desk.inside.data.is_empty() {
            theme::page(ui, "no data", |ui| own::offer(ui, cx, self.job.as_ref().map(|j| j.0)));
            return;
        }
        let text = "Which dimensions carry anything, how their codes are spread over real pictures, and how far that is \
                    from the prior";
        let title = "How this model uses its dimensions";
        let go = theme::empty_state(ui, ICON_BAR_CHART, title, text, Some("Measure on the data"));
        if go.is_some_and(|b| b.clicked()) {
            self.measure(info, desk, cx);
        }
    }

    /// A card each, what carries most first.
    fn cards(
        &self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        desk: &mut Desk,
        out: &mut Out,
        (numbers, prior): (&[NumberUse], &[f32]),
    ) {
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by(|a, b| numbers[*b].kl.total_cmp(&numbers[*a].kl));
        theme::page(ui, "codes", |ui| {
            let used = numbers.iter().filter(|n| n.used).count() as u64;
            let nats: f32 = numbers.iter().map(|n| n.kl).sum();
            let all = format::plural(numbers.len() as u64, "dimension", "dimensions");
            theme::section(ui, &format!("{used} of {all} used, {nats:.1} nats in all"));
            theme::weak(
                ui,
                "Filled: codes of the pictures. Line: the prior. Click a dimension to move along it in Traverse",
            );
            ui.add_space(size::S);
            ui.horizontal_wrapped(|ui| {
                for dim in order {
                    if card(ui, dim, &numbers[dim], prior).clicked() {
                        let place = traverse::order(info).iter().position(|d| *d == dim).unwrap_or(0);
                        desk.traverse.first = place as u32;
                        out.label = Some("look at a dimension");
                        cx.push(Action::DeliverQuietly(ViewId::Explore, Box::new(Parcel::Page(Tab::Traverse))));
                    }
                }
            });
        });
    }

    /// Takes what comes from the engine.
    pub fn on_event(&mut self, event: &Event) {
        if let Event::Latent(LatentEvent::OwnData { .. }) = event {
            self.again = true;
        }
        let Event::Latent(LatentEvent::CodeUse { job, model, numbers, prior }) = event else { return };
        if let Some((_, hash)) = self.job.take_if(|j| j.0 == *job) {
            let numbers = Arc::new(numbers.clone());
            self.measured = Some(Measured { model: model.clone(), hash, numbers, prior: prior.clone() });
        }
    }
}

/// One number: its histogram in front of the prior's, and what it carries.
fn card(ui: &mut Ui, dim: usize, number: &NumberUse, prior: &[f32]) -> egui::Response {
    let t = theme::tokens(ui);
    let (rect, response) = ui.allocate_exact_size(CARD, Sense::click());
    let name = format!("Dimension {dim}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let painter = ui.painter_at(rect);
    let fill = if response.hovered() { t.hover } else { t.raised };
    painter.rect(rect, CornerRadius::same(size::RADIUS_CARD), fill, Stroke::new(1.0, t.line), egui::StrokeKind::Inside);
    let inner = rect.shrink(size::S);
    let font = egui::FontId::proportional(size::SMALL);
    let (colour, said) = if number.used { (t.text, t.accent) } else { (t.disabled, t.disabled) };
    painter.text(inner.left_top(), egui::Align2::LEFT_TOP, format!("z{dim}"), font.clone(), colour);
    let nats = if number.used { format!("{:.2} nats", number.kl) } else { "not used".into() };
    painter.text(inner.right_top(), egui::Align2::RIGHT_TOP, nats, font.clone(), colour);
    let plot = Rect::from_min_max(inner.min + vec2(0.0, 20.0), inner.max - vec2(0.0, 16.0));
    let most = number.histogram.iter().chain(prior).copied().fold(1e-6f32, f32::max);
    let bars = number.histogram.len().max(1) as f32;
    let x = |i: f32| plot.left() + plot.width() * i / bars;
    let y = |v: f32| plot.bottom() - plot.height() * v / most;
    for (i, v) in number.histogram.iter().enumerate() {
        let bar = Rect::from_min_max(pos2(x(i as f32), y(*v)), pos2(x(i as f32 + 1.0), plot.bottom()));
        painter.rect_filled(bar, 0.0, said.gamma_multiply(0.55));
    }
    let line: Vec<egui::Pos2> = prior.iter().enumerate().map(|(i, v)| pos2(x(i as f32 + 0.5), y(*v))).collect();
    painter.add(Shape::line(line, Stroke::new(1.5, t.weak)));
    painter.hline(plot.x_range(), plot.bottom(), Stroke::new(1.0, t.line));
    for (at, align, text) in [
        (plot.left_bottom(), egui::Align2::LEFT_TOP, format!("−{REACH:.0}")),
        (plot.center_bottom(), egui::Align2::CENTER_TOP, "0".to_string()),
        (plot.right_bottom(), egui::Align2::RIGHT_TOP, format!("{REACH:.0}")),
    ] {
        painter.text(at + vec2(0.0, 2.0), align, text, font.clone(), t.weak);
    }
    crate::ui::textures::focus_ring(ui, &response);
    response.on_hover_text(tell(dim, number))
}

/// What is known of a number.
fn tell(dim: usize, number: &NumberUse) -> String {
    let n = |v: f32| format!("{v:.2}").replace('-', "−");
    let meaning = if number.used {
        "Click to move along it in Traverse"
    } else {
        "It carries nothing: the model ignores it, and it is as the prior has it"
    };
    format!(
        "Dimension {dim}: {:.3} nats\nMeans of codes: {} on average, deviation {}\nDeviation within a code: {}\n{meaning}",
        number.kl,
        n(number.mean),
        n(number.deviation),
        n(number.doubt),
    )
}
