//! How directions are looked for, and with what.

use egui::{ComboBox, DragValue, Ui};
use serde::{Deserialize, Serialize};

use super::super::Out;
use crate::base::{Family, Shape};
use crate::latent::directions::search::Find;
use crate::latent::latent_math::Dims;
use crate::models::info::ModelInfo;
use crate::ui::theme;

/// Latents or pictures that a search looks at.
const SAMPLES: u32 = 2000;

/// How directions are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Axes of features or styles.
    #[default]
    Principal,
    /// From weights.
    Sefa,
    /// Axes of a VAE's codes.
    Codes,
    /// From what is known of pictures.
    Known,
}

impl How {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Principal => "Principal axes",
            Self::Sefa => "SeFa",
            Self::Codes => "Axes of codes",
            Self::Known => "Labels and factors",
        }
    }

    /// What it does.
    pub fn help(self) -> &'static str {
        match self {
            Self::Principal => "Where features or styles of the model's pictures vary most",
            Self::Sefa => "What the first weights turn into the largest changes",
            Self::Codes => "Where codes of the training pictures vary most",
            Self::Known => "What is known of the training pictures: labels, factors, words of captions",
        }
    }
}

/// Layers that look alike: coarse ones lay out, fine ones colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// All of them.
    #[default]
    All,
    /// The first third.
    Coarse,
    /// The middle.
    Middle,
    /// The last.
    Fine,
}

impl Group {
    fn title(self) -> &'static str {
        match self {
            Self::All => "All layers",
            Self::Coarse => "Coarse layers",
            Self::Middle => "Middle layers",
            Self::Fine => "Fine layers",
        }
    }

    /// The first of so many layers, and the one past the last.
    pub fn layers(self, all: u32) -> Option<[u32; 2]> {
        let third = |n: u32| (n * all).div_ceil(3);
        match self {
            Self::All => None,
            Self::Coarse => Some([0, third(1)]),
            Self::Middle => Some([third(1), third(2)]),
            Self::Fine => Some([third(2), all]),
        }
    }
}

/// All that is chosen for a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindDesk {
    /// How.
    pub how: How,
    /// How many, where that can be chosen.
    pub count: u32,
    /// Features of which layer; 0 for the styles, or the first layer of a model without.
    pub layer: u32,
    /// SeFa: weights of which layers.
    pub group: Group,
    /// Codes, labels: pictures; those of the model's recipe if empty.
    pub data: String,
    /// Labels: names, with commas between; all if empty.
    pub only: String,
    /// Labels: by the encoder's codes, at once.
    pub codes: bool,
}

impl Default for FindDesk {
    fn default() -> Self {
        Self {
            how: How::default(),
            count: 6,
            layer: 0,
            group: Group::default(),
            data: String::new(),
            only: String::new(),
            codes: false,
        }
    }
}

impl FindDesk {
    /// What is asked of the engine.
    pub fn find(&self, info: &ModelInfo) -> Find {
        let (count, data) = (self.count, self.data.trim().to_string());
        let vae = info.family == Family::Vae;
        match self.how {
            How::Sefa => Find::Sefa { layers: self.group.layers(Dims::of(info).layers as u32), count },
            How::Codes if vae => Find::Codes { data, count, limit: SAMPLES },
            How::Principal | How::Codes => Find::Principal { tap: self.layer.checked_sub(1), count, samples: SAMPLES },
            How::Known => {
                let names = self.only.split(',').map(str::trim).filter(|n| !n.is_empty());
                let only = names.map(String::from).collect();
                Find::Data { data, only, apart: true, limit: SAMPLES, codes: self.codes && vae }
            }
        }
    }

    /// The fields of the way that is chosen.
    pub(in super::super) fn fields(&mut self, ui: &mut Ui, info: &ModelInfo, out: &mut Out) {
        let before = self.clone();
        if self.how != How::Known {
            let count = DragValue::new(&mut self.count).range(1..=32).speed(0.05).suffix(" directions");
            ui.add(count).accessible_name("Directions to find");
        }
        match self.how {
            How::Principal => {
                let (_, _, doublings) = Shape::built(info.resolution);
                let styled = Dims::of(info).layers > 0;
                let first = if styled { "of styles" } else { "of the first features" };
                let layer = DragValue::new(&mut self.layer).range(0..=doublings + 1).speed(0.03);
                let layer = layer.custom_formatter(move |v, _| match v {
                    0.0 => first.into(),
                    v => format!("of features {v:.0}"),
                });
                let help = "Principal axes of styles or latents, or of the feature maps of a layer (GANSpace)";
                ui.add(layer).accessible_name("Whose axes").on_hover_text(help);
            }
            How::Sefa if Dims::of(info).layers > 0 => {
                let combo = ComboBox::from_id_salt("group").selected_text(self.group.title()).show_ui(ui, |ui| {
                    for group in [Group::All, Group::Coarse, Group::Middle, Group::Fine] {
                        ui.selectable_value(&mut self.group, group, group.title());
                    }
                });
                let help = "What is found acts on these layers only: coarse ones lay out, fine ones colour";
                combo.response.accessible_name("Layers").on_hover_text(help);
            }
            How::Sefa => {}
            How::Codes | How::Known => {
                let (data, names) = if ui.available_width() > 480.0 { (200.0, 180.0) } else { (124.0, 104.0) };
                theme::text_field(ui, &mut self.data, "The training pictures", data, "Pictures to look at")
                    .on_hover_text("A folder, zip or any other source; empty for the pictures the model learned from");
                if self.how == How::Known {
                    theme::text_field(ui, &mut self.only, "All that is known", names, "Names to look for")
                        .on_hover_text("Labels, factors or words, with commas between them");
                    if info.family == Family::Vae {
                        let help = "By the encoder's codes of the pictures: at once, and only as good as the codes";
                        ui.checkbox(&mut self.codes, "From codes").on_hover_text(help);
                    }
                }
            }
        }
        if *self != before {
            out.label = Some("change how directions are found");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::info::ModelInfo;
    use crate::recipe::preset;

    fn info(preset_id: &str) -> ModelInfo {
        let facts = preset::Facts { pictures: 1000, resolution: 32 };
        ModelInfo::of(&preset::find(preset_id).unwrap().recipe(facts), String::new())
    }

    #[test]
    fn groups_share_all_layers_among_them() {
        for all in [6, 8, 10, 14] {
            let of = |g: Group| g.layers(all).unwrap();
            let (a, b, c) = (of(Group::Coarse), of(Group::Middle), of(Group::Fine));
            assert!(a[0] == 0 && a[1] == b[0] && b[1] == c[0] && c[1] == all);
            assert!([a, b, c].iter().all(|g| g[0] < g[1]), "{all}");
        }
    }

    #[test]
    fn what_is_chosen_is_asked_for() {
        let style = info("style-gan");
        let desk = FindDesk { how: How::Sefa, group: Group::Fine, count: 3, ..FindDesk::default() };
        let Find::Sefa { layers: Some([from, to]), count: 3 } = desk.find(&style) else { panic!() };
        assert!(from > 0 && to == Dims::of(&style).layers as u32);
        let vae = info("vae");
        let desk = FindDesk { how: How::Known, only: " x, size ,,".into(), codes: true, ..FindDesk::default() };
        assert!(matches!(desk.find(&vae), Find::Data { only, codes: true, .. } if only == ["x", "size"]));
        assert!(matches!(desk.find(&style), Find::Data { codes: false, .. }));
        let desk = FindDesk { how: How::Codes, ..FindDesk::default() };
        assert!(matches!(desk.find(&style), Find::Principal { tap: None, .. }), "a GAN has no codes of pictures");
    }
}
