//! Short messages in the corner. Each stays in the list of past messages; errors stay until they are closed.

use egui::{Align2, Area, Context, CornerRadius, Frame, Id, Margin, Order, RichText, Role, Stroke, vec2};
use egui_material_icons::icons::{ICON_CHECK_CIRCLE, ICON_CLOSE, ICON_ERROR, ICON_WARNING};

use super::theme::{self, Tone, size};
use crate::base::{Problem, Severity};

/// How many are shown at once; older ones are in the list.
const SHOWN: usize = 4;
/// Seconds that information stays.
const INFO_S: f64 = 4.0;
/// Seconds that a warning stays.
const WARNING_S: f64 = 8.0;
const WIDTH: f32 = 340.0;

struct Toast {
    number: u64,
    problem: Problem,
    until: f64,
}

/// What a toast was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToastClick {
    /// Show the list of messages.
    Log,
}

/// The messages in the corner.
#[derive(Default)]
pub struct Toasts {
    toasts: Vec<Toast>,
    next: u64,
}

impl Toasts {
    /// Shows a message. The same message again only stays longer.
    pub fn add(&mut self, problem: Problem, now: f64) {
        let until = match problem.severity {
            Severity::Info => now + INFO_S,
            Severity::Warning => now + WARNING_S,
            Severity::Error => f64::INFINITY,
        };
        if let Some(same) = self.toasts.iter_mut().find(|t| t.problem == problem) {
            same.until = until;
            return;
        }
        self.next += 1;
        self.toasts.push(Toast { number: self.next, problem, until });
        if self.toasts.len() > SHOWN {
            self.toasts.remove(0);
        }
    }

    /// What was said of a run that goes on again does not matter any more.
    pub fn settle(&mut self, subject: &str) {
        self.toasts.retain(|t| t.problem.subject.as_deref() != Some(subject));
    }

    /// Draws them, the newest at the bottom.
    pub fn show(&mut self, ctx: &Context, now: f64) -> Option<ToastClick> {
        let mut clicked = None;
        let mut y = -(size::STATUS + size::M);
        let mut closed = Vec::new();
        for toast in self.toasts.iter_mut().rev() {
            let shown = Area::new(Id::unique(("toast", toast.number)))
                .order(Order::Foreground)
                .anchor(Align2::RIGHT_BOTTOM, vec2(-size::M, y))
                .interactable(true)
                .show(ctx, |ui| draw(ui, &toast.problem));
            let (close, open) = shown.inner;
            if close || open {
                closed.push(toast.number);
            }
            if open {
                clicked = Some(ToastClick::Log);
            }
            if shown.response.contains_pointer() && toast.until.is_finite() {
                toast.until = toast.until.max(now + 1.0);
            }
            y -= shown.response.rect.height() + size::S;
        }
        self.toasts.retain(|t| t.until > now && !closed.contains(&t.number));
        if let Some(first) = self.toasts.iter().map(|t| t.until).filter(|u| u.is_finite()).reduce(f64::min) {
            ctx.request_repaint_after_secs((first - now).max(0.05) as f32);
        }
        clicked
    }
}

/// Draws one; says whether it was closed, and whether its details were asked for.
fn draw(ui: &mut egui::Ui, problem: &Problem) -> (bool, bool) {
    let t = theme::tokens(ui);
    let tone = Tone::from(problem.severity);
    let (icon, colour) = match problem.severity {
        Severity::Info => (ICON_CHECK_CIRCLE, t.good),
        Severity::Warning => (ICON_WARNING, tone.colour(t)),
        Severity::Error => (ICON_ERROR, tone.colour(t)),
    };
    let frame = Frame::new()
        .fill(t.raised)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(size::RADIUS_CARD))
        .shadow(ui.visuals().popup_shadow)
        .inner_margin(Margin::same(size::M as i8));
    frame
        .show(ui, |ui| {
            ui.set_width(WIDTH);
            let mut out = (false, false);
            ui.horizontal_top(|ui| {
                theme::icon(ui, icon, size::ICON, colour, "");
                let room = ui.available_width() - size::CONTROL - size::S;
                ui.vertical(|ui| {
                    ui.set_width(room);
                    ui.spacing_mut().item_spacing.y = 2.0;
                    ui.add(egui::Label::new(&problem.what).wrap());
                    let second = problem.remedy.as_ref().or(problem.subject.as_ref());
                    if let Some(second) = second {
                        ui.add(egui::Label::new(RichText::new(second).size(size::SMALL).color(t.weak)).wrap());
                    }
                    if problem.detail.is_some() {
                        let link = ui.link(RichText::new("Details").size(size::SMALL));
                        theme::name(&link, Role::Link, "Message details");
                        out.1 = link.clicked();
                    }
                });
                out.0 = theme::icon_button(ui, ICON_CLOSE, "Dismiss message").clicked();
            });
            out
        })
        .inner
}
