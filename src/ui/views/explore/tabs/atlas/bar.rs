//! The bars above the sheet: what is on it, how it is laid out and seen.

use egui::{ComboBox, DragValue, Ui};
use egui_material_icons::icons::{
    ICON_CLOSE, ICON_FIT_SCREEN, ICON_FOLDER_OPEN, ICON_LASSO_SELECT, ICON_PHOTO_LIBRARY, ICON_POLYLINE,
    ICON_SCATTER_PLOT,
};

use crate::latent::atlas::Layout;
use crate::models::info::ModelInfo;
use crate::ui::action::{Action, PickKind};
use crate::ui::format;
use crate::ui::theme;
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::data::short_name;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::atlas::state::{AtlasState, MOST, Tint};
use crate::ui::views::explore::tabs::atlas::{AtlasPage, PURPOSE_FOLDER, wanted};

/// Room that the number of pictures and holes takes.
const COUNTS: f32 = 150.0;

impl AtlasPage {
    /// The bar of what is on the sheet.
    pub(super) fn what(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let making = self.is_making(cx);
        theme::toolbar(ui, |ui| {
            of_what(ui, cx, &mut state.atlas, making, out);
            self.layout(ui, cx, info, state, out);
        });
    }

    /// How pictures are laid out, and the button that does it.
    fn layout(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let making = self.is_making(cx);
        let own = &mut state.atlas.wish;
        theme::whole(ui, |ui| {
            ui.add_enabled_ui(!making, |ui| {
                let layouts = [(Layout::Pca, "PCA"), (Layout::Tsne, "t-SNE"), (Layout::Umap, "UMAP")];
                if theme::segmented(ui, "Layout", &mut own.layout, &layouts) {
                    out.label = Some("change the layout");
                }
                let seed = DragValue::new(&mut own.seed).prefix("seed ").speed(0.1);
                let help = "The same pictures and seed give the same sheet";
                if ui.add(seed).accessible_name("Seed of the layout").on_hover_text(help).changed() {
                    out.label = Some("change the layout");
                }
            });
        });
        if making {
            self.progress(ui, cx);
            return;
        }
        let same = self.made.as_ref().filter(|m| m.model == info.model).map(|m| m.wish == Some(wanted(state)));
        let button = match same {
            None => return,
            Some(true) => theme::button(ui, Some(ICON_SCATTER_PLOT), "Make again"),
            Some(false) => theme::primary_button(ui, Some(ICON_SCATTER_PLOT), "Make again"),
        };
        if button.clicked() {
            self.make(info, state, cx);
        }
    }

    fn progress(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(making) = &self.making else { return };
        let job = cx.studio.jobs.get(&making.job);
        theme::progress(ui, job.and_then(|j| j.share()), 110.0, "Making the atlas");
        if theme::button(ui, Some(ICON_CLOSE), "Cancel").clicked() {
            cx.push(Action::Cancel(making.job));
            if making.kept.is_some() {
                self.making = None;
                return;
            }
        }
        let t = theme::tokens(ui);
        let text = egui::RichText::new(self.stage(cx)).size(theme::size::SMALL).color(t.weak);
        theme::rest(ui, |ui| ui.add(egui::Label::new(text).truncate()));
    }

    /// The bar of how the sheet is seen.
    pub(super) fn how(&mut self, ui: &mut Ui, info: &ModelInfo, own: &mut AtlasState, out: &mut PageActions) {
        let combo = ComboBox::from_id_salt("tint").selected_text(own.tint.title()).width(130.0).show_ui(ui, |ui| {
            for tint in [Tint::Kind, Tint::Label, Tint::Hardness, Tint::Rating] {
                if ui.selectable_value(&mut own.tint, tint, tint.title()).on_hover_text(tint.help()).clicked() {
                    out.label = Some("colour the atlas");
                }
            }
        });
        combo.response.accessible_name("Colour by").on_hover_text(own.tint.help());
        let outline = "Outline holes: real pictures where nothing is generated";
        if theme::icon_toggle(ui, ICON_POLYLINE, outline, &mut own.holes).clicked() {
            out.label = Some("outline holes");
        }
        theme::icon_toggle(ui, ICON_LASSO_SELECT, "Lasso: draw around points (or Shift and drag)", &mut self.lassoing);
        if theme::icon_button(ui, ICON_FIT_SCREEN, "Fit all (F)").clicked() {
            (own.x, own.y, own.scale) = (0.0, 0.0, 0.0);
            out.label = Some("move over the atlas");
        }
        self.faded.field(ui, own, out);
        let Some(made) = &self.made else { return };
        if made.hash != info.hash {
            theme::toned(ui, theme::Tone::Warn, "Made with earlier weights");
        }
        let holes = made.atlas.holes.len() as u64;
        let n = made.atlas.points.len() as u64;
        let mut text = format::plural(n, "picture", "pictures");
        if holes > 0 {
            text += &format!(" · {}", format::plural(holes, "hole", "holes"));
        }
        if theme::left(ui) < COUNTS {
            return;
        }
        theme::weak(ui, text);
        if theme::left(ui) > 330.0 {
            theme::weak(ui, "Scroll to zoom, click to open a picture, Shift and drag to choose");
        }
    }
}

/// Which pictures are on the sheet.
fn of_what(ui: &mut Ui, cx: &mut Cx<'_>, own: &mut AtlasState, making: bool, out: &mut PageActions) {
    let data = &mut own.wish.data;
    if theme::enabled(ui, !making, |ui| source(ui, cx, data, PURPOSE_FOLDER, true)).inner {
        out.label = Some("choose pictures of the atlas");
    }
    let mut number = |ui: &mut Ui, value: &mut u32, name: &str, unit: &str, help: &str| {
        let least = u32::from(unit == " real");
        let field = DragValue::new(value).range(least..=MOST).speed(20.0).suffix(unit);
        if ui.add_enabled(!making, field).accessible_name(name).on_hover_text(help).changed() {
            out.label = Some("change the atlas");
        }
    };
    if own.wish.data.is_some() {
        let help = "So many pictures of the data at most, evenly spread";
        number(ui, &mut own.wish.limit, "Real pictures at most", " real", help);
    }
    number(ui, &mut own.wish.samples, "Samples", " samples", "Pictures that the model makes");
    let kept = &mut own.kept;
    let add = |ui: &mut Ui| theme::icon_toggle(ui, ICON_PHOTO_LIBRARY, "Pictures of the gallery", kept).clicked();
    if theme::enabled(ui, !making, add).inner {
        out.label = Some("change the atlas");
    }
}

/// Opens a dialog that chooses pictures.
pub fn choose_folder(cx: &mut Cx<'_>, purpose: &'static str) {
    cx.pick(ViewId::Explore, purpose, PickKind::Folder, "Choose a folder of pictures", &[]);
}

/// The choice of real pictures, of none too if `or_none`; a dialog answers with `purpose`. True when it changed.
pub fn source(ui: &mut Ui, cx: &mut Cx<'_>, data: &mut Option<String>, purpose: &'static str, or_none: bool) -> bool {
    let before = data.clone();
    let title = match data.as_deref() {
        None => "No real pictures".to_string(),
        Some("") => "The model's own data".to_string(),
        Some(source) => short_name(source),
    };
    let combo = ComboBox::from_id_salt(purpose).selected_text(title).width(140.0).truncate().show_ui(ui, |ui| {
        ui.set_min_width(200.0);
        ui.selectable_value(data, Some(String::new()), "The model's own data");
        for set in &cx.studio.datasets {
            ui.selectable_value(data, Some(set.source.clone()), short_name(&set.source));
        }
        if or_none {
            ui.selectable_value(data, None, "No real pictures");
        }
        if theme::quiet_button(ui, Some(ICON_FOLDER_OPEN), "Choose a folder…").clicked() {
            choose_folder(cx, purpose);
            ui.close();
        }
    });
    combo.response.accessible_name("Real pictures");
    *data != before
}
