//! The views: one row each in [`VIEWS`]. Menu, rail, palette, shortcuts and tests come from the row.

pub mod data;
pub mod draw;
pub mod explore;
pub mod gallery;
pub mod home;
pub mod learn;
pub mod log;
pub mod models;
pub mod settings;
mod storage;
pub mod train;

use super::theme::Icon;
pub use super::view::{Cx, Ids, KeyHelp, View, ViewId};
use egui::Key;
use egui_material_icons::icons::{
    ICON_BRUSH, ICON_DATASET, ICON_DEPLOYED_CODE, ICON_EXPLORE, ICON_HOME, ICON_MODEL_TRAINING, ICON_NOTES,
    ICON_PHOTO_LIBRARY, ICON_SCHOOL, ICON_SETTINGS,
};

impl ViewId {
    /// Its row.
    pub fn spec(self) -> &'static ViewSpec {
        // The table has one row for each variant, in this order; a test checks it.
        &VIEWS[self as usize]
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        self.spec().title
    }
}

/// A row of the table.
pub struct ViewSpec {
    /// Which.
    pub id: ViewId,
    /// Title in rail, menu and palette.
    pub title: &'static str,
    /// One sentence on what it is for.
    pub tooltip: &'static str,
    /// Icon.
    pub icon: Icon,
    /// Opens with Ctrl (⌘) and this key.
    pub key: Key,
    /// Makes it.
    pub new: fn() -> Box<dyn View>,
}

/// Every view.
pub static VIEWS: [ViewSpec; 10] = [
    ViewSpec {
        id: ViewId::Home,
        title: "Home",
        tooltip: "Where to start, and where you left off",
        icon: ICON_HOME,
        key: Key::Num1,
        new: || Box::new(home::HomeView::default()),
    },
    ViewSpec {
        id: ViewId::Data,
        title: "Data",
        tooltip: "Browse pictures and prepare them for training",
        icon: ICON_DATASET,
        key: Key::Num2,
        new: || Box::new(data::DataView::default()),
    },
    ViewSpec {
        id: ViewId::Train,
        title: "Train",
        tooltip: "Set up runs and watch them learn",
        icon: ICON_MODEL_TRAINING,
        key: Key::Num3,
        new: || Box::new(train::TrainView::default()),
    },
    ViewSpec {
        id: ViewId::Models,
        title: "Models",
        tooltip: "Runs, checkpoints and shipped models",
        icon: ICON_DEPLOYED_CODE,
        key: Key::Num4,
        new: || Box::new(models::ModelsView::default()),
    },
    ViewSpec {
        id: ViewId::Explore,
        title: "Explore",
        tooltip: "Explore what a model learned",
        icon: ICON_EXPLORE,
        key: Key::Num5,
        new: || Box::new(explore::ExploreView::default()),
    },
    ViewSpec {
        id: ViewId::Draw,
        title: "Draw",
        tooltip: "Pictures token by token, from words",
        icon: ICON_BRUSH,
        key: Key::T,
        new: || Box::new(draw::DrawView::default()),
    },
    ViewSpec {
        id: ViewId::Gallery,
        title: "Gallery",
        tooltip: "Pictures you saved",
        icon: ICON_PHOTO_LIBRARY,
        key: Key::Num6,
        new: || Box::new(gallery::GalleryView::default()),
    },
    ViewSpec {
        id: ViewId::Log,
        title: "Log",
        tooltip: "Messages from the studio and its runs",
        icon: ICON_NOTES,
        key: Key::Num7,
        new: || Box::new(log::LogView::default()),
    },
    ViewSpec {
        id: ViewId::Settings,
        title: "Settings",
        tooltip: "Theme, scale, devices, export",
        icon: ICON_SETTINGS,
        key: Key::Num8,
        new: || Box::new(settings::SettingsView::default()),
    },
    ViewSpec {
        id: ViewId::Learn,
        title: "Learn",
        tooltip: "A tutorial: how GANs and VAEs work, on real runs of some minutes, and a glossary",
        icon: ICON_SCHOOL,
        key: Key::Num9,
        new: || Box::new(learn::LearnView::default()),
    },
];
