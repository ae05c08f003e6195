//! Pictures of a data set as points on the plane of a latent of two numbers, coloured by their labels.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Ui, vec2};
use egui_material_icons::icons::ICON_SCATTER_PLOT;

use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::activations::codes::CodePoint;
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::format;
use crate::ui::theme::{self, Tokens, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::explore_state::MapState;
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::atlas::{bar::source, paint::of_label};
use crate::ui::widgets::own_data::{self, OwnData};

/// Purpose of the dialog that chooses pictures.
pub const PURPOSE: &str = "pictures on the latent plane";
/// Points of the screen a side.
const DOT: f32 = 2.5;
/// Labels that the legend lists.
const LISTED: usize = 12;

/// Points that are here.
struct Here {
    model: ModelRef,
    hash: String,
    points: Arc<Vec<CodePoint>>,
    labels: Vec<String>,
}

/// The points of a plane.
#[derive(Default)]
pub struct CodePoints {
    /// What is on its way, for which weights.
    job: Option<(JobId, String)>,
    here: Option<Here>,
    /// Pictures that were chosen in a dialog.
    folder: Option<PathBuf>,
}

impl CodePoints {
    /// Takes the answer of its dialog.
    pub fn picked(&mut self, purpose: &str, paths: &[PathBuf]) -> bool {
        let own = purpose == PURPOSE;
        if own {
            self.folder = paths.first().cloned();
        }
        own
    }

    /// Which pictures are shown, and the button that shows them.
    pub fn bar(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        map: &mut MapState,
        own: &OwnData,
        out: &mut PageActions,
    ) {
        if let Some(folder) = self.folder.take() {
            map.data = folder.display().to_string();
            out.label = Some("choose pictures of the plane");
        }
        let mut data = Some(map.data.clone());
        if source(ui, cx, &mut data, PURPOSE, false) {
            map.data = data.unwrap_or_default();
            out.label = Some("choose pictures of the plane");
        }
        let job = self.job.as_ref().map(|j| j.0);
        if job_progress::shown(ui, cx, job, 110.0, "Encoding pictures", "Cancel") != Doing::Nothing {
            return;
        }
        if map.data.is_empty() && own.is_missing(&info.model) {
            if theme::button(ui, Some(ICON_SCATTER_PLOT), own_data::CHOOSE)
                .on_hover_text("The pictures that this model learned from are not on this computer")
                .clicked()
            {
                own_data::choose(cx, ViewId::Explore);
            }
        } else if theme::primary_button(ui, Some(ICON_SCATTER_PLOT), "Show pictures")
            .on_hover_text("Where these pictures lie on the plane, coloured by their labels")
            .clicked()
        {
            let job = cx.new_job();
            let (model, data) = (info.model.clone(), map.data.clone());
            cx.send(Command::Latent(LatentCommand::CodePlane { job, model, data }));
            self.job = Some((job, info.hash.clone()));
        }
        if self.of(info).is_some() && theme::quiet_button(ui, None, "Hide pictures").clicked() {
            self.here = None;
        }
    }

    fn of(&self, info: &ModelInfo) -> Option<&Here> {
        self.here.as_ref().filter(|h| h.model == info.model && h.hash == info.hash)
    }

    /// Draws the points, and the legend of their labels; `screen` says where a place of the plane is.
    pub fn paint(
        &self,
        painter: &Painter,
        room: Rect,
        t: &Tokens,
        info: &ModelInfo,
        screen: impl Fn([f32; 2]) -> Pos2,
    ) {
        let Some(here) = self.of(info) else { return };
        for point in here.points.iter() {
            let at = screen(point.at);
            if room.contains(at) {
                let colour = point.label.map_or(t.text, |label| of_label(t, label as usize));
                painter.circle(at, DOT, colour, egui::Stroke::new(1.0, t.canvas));
            }
        }
        let named = |(i, label): (usize, &String)| (of_label(t, i), format::shortened(label, 24));
        let mut lines: Vec<(Color32, String)> = here.labels.iter().take(LISTED).enumerate().map(named).collect();
        if here.labels.len() > LISTED {
            lines.push((t.weak, format!("and {} more", here.labels.len() - LISTED)));
        }
        if lines.is_empty() {
            lines.push((t.text, "These pictures have no labels".into()));
        }
        legend(painter, room, t, &lines);
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event) {
        if let Event::Latent(LatentEvent::CodePlane { job, model, points, labels }) = event
            && let Some((_, hash)) = self.job.take_if(|j| j.0 == *job)
        {
            let (model, points, labels) = (model.clone(), points.clone(), labels.clone());
            self.here = Some(Here { model, hash, points, labels });
        }
    }
}

fn legend(painter: &Painter, room: Rect, t: &Tokens, lines: &[(Color32, String)]) {
    let (step, wide) = (18.0, 170.0);
    let high = lines.len() as f32 * step + size::S;
    let corner = room.right_top() + vec2(-wide - size::S, size::S);
    painter.rect_filled(Rect::from_min_size(corner, vec2(wide, high)), 4.0, t.panel.gamma_multiply(0.9));
    for (i, (colour, text)) in lines.iter().enumerate() {
        let at = corner + vec2(size::M, size::XS + (i as f32 + 0.5) * step);
        painter.circle_filled(at, 4.0, *colour);
        painter.text(at + vec2(size::M, 0.0), Align2::LEFT_CENTER, text, FontId::proportional(size::SMALL), t.text);
    }
}
