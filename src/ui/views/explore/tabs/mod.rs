//! The pages of Explore: one row each in [`TABS`]. The bar, the palette, "Use in…" and the tests come from the rows; to
//! add a page, write its file and its row.

pub mod activations;
pub mod anomalies;
pub mod atlas;
pub mod between;
pub mod breed;
mod code_points;
pub mod codes;
pub mod compare_models;
pub mod directions;
mod family_tree;
pub mod film;
pub mod grid;
pub mod image_edit;
pub mod inpaint;
pub mod inside_state;
pub mod map;
pub mod photo_folder;
pub mod photo_search;
pub mod retrieval;
pub mod samples;
mod seed_plane;
pub mod sliders;
pub mod walk;
pub mod your_photo;

use egui_material_icons::icons::{
    ICON_APPS, ICON_AUTO_FIX_HIGH, ICON_BAR_CHART, ICON_BRUSH, ICON_COMPARE, ICON_ESCALATOR_WARNING, ICON_EXPLORE,
    ICON_FOLDER_OPEN, ICON_GRID_ON, ICON_IMAGE_SEARCH, ICON_LAYERS, ICON_MAP, ICON_MOVIE, ICON_REPEAT,
    ICON_SCATTER_PLOT, ICON_SWAP_HORIZ, ICON_TRAVEL_EXPLORE, ICON_TROUBLESHOOT, ICON_TUNE,
};
use strum::IntoEnumIterator;

use super::page::Page;
use crate::ui::theme::Icon;

/// What pages are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum Group {
    /// Finding pictures.
    Discover,
    /// Mixing several.
    Blend,
    /// Changing one.
    Change,
    /// Pictures from elsewhere.
    Photo,
    /// Films.
    Film,
    /// How the model works.
    Understand,
}

impl Group {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Discover => "Discover",
            Self::Blend => "Blend",
            Self::Change => "Change",
            Self::Photo => "Your photo",
            Self::Film => "Film",
            Self::Understand => "Understand",
        }
    }

    /// Its pages.
    pub fn pages(self) -> impl Iterator<Item = &'static TabSpec> {
        TABS.iter().filter(move |t| t.group == self)
    }
}

/// A row of the table.
pub struct TabSpec {
    /// Names it in what is kept.
    pub id: &'static str,
    /// Title in the bar and the palette.
    pub title: &'static str,
    /// What it is for.
    pub group: Group,
    /// Icon.
    pub icon: Icon,
    /// One line on what it is for.
    pub purpose: &'static str,
    /// What to do next on it.
    pub next: &'static str,
    /// Everyday words for it, for the palette.
    pub keywords: &'static str,
    /// Its names in earlier versions.
    pub aliases: &'static [&'static str],
    /// Slots that take a picture, by number.
    pub uses: &'static [&'static str],
    /// Whether "Use in…" opens a picture on it.
    pub subject: bool,
    /// Makes it.
    pub new: fn() -> Box<dyn Page>,
}

/// The page that a model opens on.
pub const FIRST: &str = "samples";
/// The page that puts a photo into a model.
pub const PHOTO: &str = "photo";
/// The page that does so with several.
pub const FOLDER: &str = "folder";
/// The page of two pictures.
pub const BETWEEN: &str = "between";

/// Every page.
pub static TABS: [TabSpec; 19] = [
    TabSpec {
        id: FIRST,
        title: "Samples",
        group: Group::Discover,
        icon: ICON_APPS,
        purpose: "Random pictures of this model",
        next: "Click one to open it; it becomes the subject of every other page",
        keywords: "random sheet seeds generate variations contact sheet start",
        aliases: &["sheet"],
        uses: &[],
        subject: false,
        new: || Box::<samples::Samples>::default(),
    },
    TabSpec {
        id: "map",
        title: "Map",
        group: Group::Discover,
        icon: ICON_MAP,
        purpose: "A plane through latent space to wander over",
        next: "Drag to move, scroll to zoom, click to open",
        keywords: "plane seeds pan zoom landscape latent space two-dimensional",
        aliases: &["plane"],
        uses: &["Map: the plane through three pictures"],
        subject: false,
        new: || Box::<map::Map>::default(),
    },
    TabSpec {
        id: "atlas",
        title: "Atlas",
        group: Group::Discover,
        icon: ICON_SCATTER_PLOT,
        purpose: "Real and generated pictures by likeness, side by side",
        next: "Make it once; then zoom, search, and draw around what you want to keep",
        keywords: "umap t-sne tsne pca cluster coverage mode collapse similar scatter likeness",
        aliases: &[],
        uses: &[],
        subject: false,
        new: || Box::<atlas::AtlasPage>::default(),
    },
    TabSpec {
        id: "retrieval",
        title: "Retrieval",
        group: Group::Discover,
        icon: ICON_TRAVEL_EXPLORE,
        purpose: "Pictures drawn near real ones that words or pictures find",
        next: "Give words or pictures and press Find; Strength says how much they count",
        keywords: "retrieval rag like these similar real pictures nearest neighbours words phrase grounded sources copy",
        aliases: &[],
        uses: &[],
        subject: false,
        new: || Box::<retrieval::Retrieval>::default(),
    },
    TabSpec {
        id: BETWEEN,
        title: "Two pictures",
        group: Group::Blend,
        icon: ICON_SWAP_HORIZ,
        purpose: "Everything between two pictures",
        next: "Slide from one to the other; click the middle to open it",
        keywords: "interpolate interpolation morph blend mix compare slider between",
        aliases: &["compare"],
        uses: &["Two pictures: left", "Two pictures: right"],
        subject: false,
        new: || Box::<between::Between>::default(),
    },
    TabSpec {
        id: "grid",
        title: "Grid",
        group: Group::Blend,
        icon: ICON_GRID_ON,
        purpose: "Several pictures and all that lies between them",
        next: "Drag an anchor across for other seeds; click a cell to open it",
        keywords: "interpolation grid corners morph blend mix triangle line sheet anchors",
        aliases: &[],
        uses: &["Grid: first anchor", "Grid: second anchor"],
        subject: false,
        new: || Box::<grid::Grid>::default(),
    },
    TabSpec {
        id: "breed",
        title: "Breed",
        group: Group::Blend,
        icon: ICON_ESCALATOR_WARNING,
        purpose: "Children of pictures, and children of those",
        next: "Select the children you like, then Next generation",
        keywords: "breed evolve evolution crossover mutation children parents family genetic",
        aliases: &[],
        uses: &["Breed: as a parent"],
        subject: false,
        new: || Box::<breed::Breed>::default(),
    },
    TabSpec {
        id: "sliders",
        title: "Sliders",
        group: Group::Change,
        icon: ICON_TUNE,
        purpose: "This picture with one dimension moved at a time",
        next: "Click a cell to move there",
        keywords: "traverse traversal dimensions latent disentangle beta-vae truncation temperature",
        aliases: &["traverse"],
        uses: &[],
        subject: true,
        new: || Box::<sliders::Sliders>::default(),
    },
    TabSpec {
        id: "directions",
        title: "Directions",
        group: Group::Change,
        icon: ICON_EXPLORE,
        purpose: "Move this picture along directions that mean something",
        next: "Find directions, then drag their sliders",
        keywords: "attributes smile age edit semantic ganspace sefa interfacegan arithmetic vector",
        aliases: &[],
        uses: &["Directions: add to the sum"],
        subject: true,
        new: || Box::<directions::Directions>::default(),
    },
    TabSpec {
        id: "edit",
        title: "Edit by hand",
        group: Group::Change,
        icon: ICON_BRUSH,
        purpose: "Drag, paint or erase on this picture; the model follows",
        next: "Drag from a point to where it should go, then Drag points",
        keywords: "draggan drag paint brush erase retouch style mixing",
        aliases: &[],
        uses: &["Edit by hand: take its styles"],
        subject: true,
        new: || Box::<image_edit::ImageEdit>::default(),
    },
    TabSpec {
        id: PHOTO,
        title: "Find",
        group: Group::Photo,
        icon: ICON_IMAGE_SEARCH,
        purpose: "What this model makes of a photo of yours",
        next: "Drop a photo; its latent is looked for, then open it",
        keywords: "photo picture upload inversion invert encode project reconstruction my own image",
        aliases: &["picture"],
        uses: &[],
        subject: false,
        new: || Box::<your_photo::YourPhoto>::default(),
    },
    TabSpec {
        id: "repair",
        title: "Repair",
        group: Group::Photo,
        icon: ICON_AUTO_FIX_HIGH,
        purpose: "Fill a hole in a photo, or take its noise away",
        next: "Drop a photo, brush over what should be filled, then Fill the hole",
        keywords: "photo inpaint inpainting mend fill hole remove denoise restore upscale",
        aliases: &["mend"],
        uses: &[],
        subject: false,
        new: || Box::<inpaint::Inpaint>::default(),
    },
    TabSpec {
        id: FOLDER,
        title: "Folder",
        group: Group::Photo,
        icon: ICON_FOLDER_OPEN,
        purpose: "Several photos put into this model, one after the other",
        next: "Drop a folder; keep or export what was found",
        keywords: "photos batch many pictures folder inversion invert encode",
        aliases: &[],
        uses: &[],
        subject: false,
        new: || Box::<photo_folder::PhotoFolder>::default(),
    },
    TabSpec {
        id: "anomalies",
        title: "Anomalies",
        group: Group::Photo,
        icon: ICON_TROUBLESHOOT,
        purpose: "Where a photo does not come back from a VAE",
        next: "Drop photos; yellow and red is what the model does not know",
        keywords: "photo anomaly outlier defect fault heat map out of distribution",
        aliases: &[],
        uses: &[],
        subject: false,
        new: || Box::<anomalies::Anomalies>::default(),
    },
    TabSpec {
        id: "walk",
        title: "Quick loop",
        group: Group::Film,
        icon: ICON_REPEAT,
        purpose: "A film that goes from picture to picture",
        next: "Add pictures, press Play, export a GIF or video",
        keywords: "loop gif video animation morph walk film mp4 latent walk",
        aliases: &[],
        uses: &["Quick loop: as the next picture"],
        subject: false,
        new: || Box::<walk::Walk>::default(),
    },
    TabSpec {
        id: "film",
        title: "Timeline",
        group: Group::Film,
        icon: ICON_MOVIE,
        purpose: "The same film with keys in time, easing and directions",
        next: "Move the play head, add this picture as a key, then Export film…",
        keywords: "video mp4 keyframes keys animation film timeline easing music",
        aliases: &[],
        uses: &["Timeline: as a key at the play head"],
        subject: false,
        new: || Box::<film::Film>::default(),
    },
    TabSpec {
        id: "activations",
        title: "Activations",
        group: Group::Understand,
        icon: ICON_LAYERS,
        purpose: "What each channel of a layer does for this picture",
        next: "Click a channel to switch it off and see what is missing",
        keywords: "inside features feature maps channels layers dissection noise network",
        aliases: &["inside"],
        uses: &[],
        subject: true,
        new: || Box::<activations::Activations>::default(),
    },
    TabSpec {
        id: "compare_models",
        title: "Compare models",
        group: Group::Understand,
        icon: ICON_COMPARE,
        purpose: "Two models or checkpoints on the same seeds or this picture",
        next: "Choose the other model on the right",
        keywords: "models checkpoints versus side by side difference better",
        aliases: &["models"],
        uses: &[],
        subject: true,
        new: || Box::<compare_models::CompareModels>::default(),
    },
    TabSpec {
        id: "codes",
        title: "Codes",
        group: Group::Understand,
        icon: ICON_BAR_CHART,
        purpose: "How a VAE uses each of its latent dimensions",
        next: "Measure it on the training pictures; click a dimension to move along it",
        keywords: "kl posterior collapse latent dimensions histogram prior vae active units",
        aliases: &[],
        uses: &[],
        subject: false,
        new: || Box::<codes::Codes>::default(),
    },
];

/// The row of a page, by its id or a name of earlier versions; the first one for what is not known.
pub fn row(id: &str) -> &'static TabSpec {
    TABS.iter().find(|t| t.id == id || t.aliases.contains(&id)).unwrap_or(&TABS[0])
}

/// Its place in the table.
pub fn place(id: &str) -> usize {
    TABS.iter().position(|t| t.id == row(id).id).unwrap_or(0)
}

/// The next page (or the one before) in the order of the bar.
pub fn beside(id: &str, by: i64) -> &'static str {
    let order: Vec<&TabSpec> = Group::iter().flat_map(Group::pages).collect();
    let at = order.iter().position(|t| t.id == row(id).id).unwrap_or(0) as i64;
    order[(at + by).rem_euclid(order.len() as i64) as usize].id
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_page_has_a_row_with_words_of_its_own() {
        let mut names = BTreeSet::new();
        for tab in &TABS {
            for name in std::iter::once(&tab.id).chain(tab.aliases) {
                assert!(names.insert(*name), "{name} names two pages");
                assert_eq!(row(name).id, tab.id);
            }
            assert!(!tab.purpose.ends_with('.') && !tab.next.ends_with('.') && tab.purpose.len() > 16, "{}", tab.id);
            assert!(!tab.keywords.is_empty() && TABS[place(tab.id)].id == tab.id);
        }
        let titles: BTreeSet<&str> = TABS.iter().map(|t| t.title).collect();
        assert_eq!(titles.len(), TABS.len());
        assert!(Group::iter().all(|g| (2..=4).contains(&g.pages().count()) || g == Group::Film));
        assert_eq!(row("a page of the future").id, FIRST);
    }

    #[test]
    fn all_pages_follow_each_other_in_a_round() {
        let mut at = FIRST;
        let mut seen = BTreeSet::new();
        for _ in 0..TABS.len() {
            at = beside(at, 1);
            seen.insert(at);
        }
        assert_eq!((at, seen.len()), (FIRST, TABS.len()));
        assert_eq!(beside(beside("grid", 1), -1), "grid");
    }
}
