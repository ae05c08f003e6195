//! How a VAE uses its latents: KL and spread of each number, beside the prior.

use std::sync::Arc;

use egui::{CornerRadius, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons::{ICON_BAR_CHART, ICON_SPEED};

use crate::base::Family;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::activations::codes::{NumberUse, REACH};
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::format;
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::choices::empty_state;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked, Shared};
use crate::ui::views::explore::tabs::atlas::bar::source;
use crate::ui::views::explore::tabs::sliders;
use crate::ui::widgets::own_data;
use std::path::PathBuf;

/// Purpose of the dialog that chooses pictures to measure codes on.
pub const PURPOSE: &str = "code pictures";
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
    /// Pictures chosen in a dialog, to measure on.
    folder: Option<PathBuf>,
}

impl Page for Codes {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, shared, out }: PageCx<'_, '_>) {
        if let Some(folder) = self.folder.take() {
            state.inside.data = folder.display().to_string();
            out.label = Some("choose pictures to measure on");
        }
        if info.family != Family::Vae {
            let why = "Only a VAE has codes of pictures; a GAN draws its latents at random";
            theme::empty_state(ui, ICON_BAR_CHART, "This model has no codes", why, None);
            return;
        }
        if std::mem::take(&mut self.again) && own_data::is_wanted(self.job.as_ref().map(|j| j.0), cx) {
            self.measure(info, state, cx);
        }
        let known = self.measured.as_ref().filter(|m| m.model == info.model && m.hash == info.hash);
        let numbers = known.map(|m| (m.numbers.clone(), m.prior.clone()));
        theme::toolbar(ui, |ui| {
            let mut data = Some(state.inside.data.clone());
            if source(ui, cx, &mut data, PURPOSE, false) {
                state.inside.data = data.unwrap_or_default();
                out.label = Some("choose pictures to measure on");
            }
            let job = self.job.as_ref().map(|j| j.0);
            let doing = job_progress::shown(ui, cx, job, 140.0, "Measuring codes", "Cancel");
            if doing == Doing::Nothing
                && numbers.is_some()
                && theme::button(ui, Some(ICON_SPEED), "Measure again").clicked()
            {
                self.measure(info, state, cx);
            }
        });
        match numbers {
            Some((numbers, prior)) => self.cards(ui, info, state, out, (&numbers, &prior)),
            None => self.nothing(ui, cx, info, state, shared),
        }
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, _cx: &mut Cx<'_>) {
        if let Event::Latent(LatentEvent::OwnData { .. }) = event {
            self.again = true;
        }
        let Event::Latent(LatentEvent::CodeUse { job, model, numbers, prior }) = event else { return };
        if let Some((_, hash)) = self.job.take_if(|j| j.0 == *job) {
            let numbers = Arc::new(numbers.clone());
            self.measured = Some(Measured { model: model.clone(), hash, numbers, prior: prior.clone() });
        }
    }

    fn picked(&mut self, picked: &Picked<'_>, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        let own = picked.purpose == PURPOSE;
        if own {
            self.folder = picked.paths.first().cloned();
        }
        own
    }
}

impl Codes {
    fn measure(&mut self, info: &ModelInfo, state: &ExploreState, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        let (model, data) = (info.model.clone(), state.inside.data.clone());
        self.job = Some((job, info.hash.clone()));
        cx.send(Command::Latent(LatentCommand::CodeUse { job, model, data }));
    }

    fn nothing(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, state: &ExploreState, shared: &Shared) {
        let job = self.job.as_ref().and_then(|j| cx.studio.jobs.get(&j.0));
        if job_progress::is_on(self.job.as_ref().map(|j| j.0), cx) {
            let title = job.map_or("Waiting", |j| j.title.as_str()).to_string();
            theme::empty_state(ui, ICON_BAR_CHART, "Measuring how codes are used", &title, None);
            return;
        }
        let failed = own_data::is_wanted(self.job.as_ref().map(|j| j.0), cx);
        if (shared.own_data.is_missing(&info.model) || failed) && state.inside.data.is_empty() {
            let title = "Codes are measured on the pictures that this model learned from";
            let text = "They are not on this computer. Choose them, or other pictures in the bar above";
            let words = (ICON_BAR_CHART, title, text);
            let choose = empty_state(ui, cx, shared.present.as_ref(), words, Some(own_data::CHOOSE));
            if choose.is_some_and(|b| b.clicked()) {
                own_data::choose(cx, ViewId::Explore);
            }
            return;
        }
        let text = "Which dimensions carry anything, how their codes are spread over real pictures, and how far that is \
                    from the prior";
        let title = "How this model uses its dimensions";
        let words = (ICON_BAR_CHART, title, text);
        let go = empty_state(ui, cx, shared.present.as_ref(), words, Some("Measure on the data"));
        if go.is_some_and(|b| b.clicked()) {
            self.measure(info, state, cx);
        }
    }

    /// A card each, what carries most first.
    fn cards(
        &self,
        ui: &mut Ui,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
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
                "Filled: codes of the pictures. Line: the prior. Click a dimension to move along it in Sliders",
            );
            ui.add_space(size::S);
            ui.horizontal_wrapped(|ui| {
                for dim in order {
                    if card(ui, dim, &numbers[dim], prior).clicked() {
                        let place = sliders::order(info).iter().position(|d| *d == dim).unwrap_or(0);
                        state.sliders.first = place as u32;
                        out.label = Some("look at a dimension");
                        out.page = Some("sliders");
                    }
                }
            });
        });
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
        "Click to move along it in Sliders"
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
