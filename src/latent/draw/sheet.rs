//! What a model of tokens looks like at a glance: pictures of single tokens, or pictures drawn unasked.

use super::{DrawRequest, Drawer};
use crate::base::paths::Paths;
use crate::base::{Family, Picture, Result};
use crate::latent::model::LoadedModel;
use crate::models::info::ModelInfo;
use crate::train::tensors;

/// Pictures in a row and rows.
const SIDES: [usize; 2] = [8, 6];
/// The same where each picture is drawn token by token.
const DRAWN: [usize; 2] = [6, 4];

/// The sheet of a token model (what each of its first tokens draws all over) or of a prior (pictures of the first seeds).
///
/// # Errors
/// The model cannot be opened.
pub fn sheet(model: &str, info: &ModelInfo, paths: &Paths, device: &str) -> Result<Picture> {
    if info.family == Family::Prior {
        let drawer = Drawer::open(model, paths, device)?;
        let [columns, rows] = DRAWN;
        let request = |seed| DrawRequest { seed, ..DrawRequest::default() };
        let drawn = drawer.draw_all(&(1..=(columns * rows) as u64).map(request).collect::<Vec<_>>())?;
        let cells: Vec<Picture> = drawn.into_iter().map(|d| d.picture).collect();
        return Ok(Picture::grid(&cells, columns, 1, [0; 4]));
    }
    let loaded = LoadedModel::open(model, paths, device)?;
    let Some((net, device)) = loaded.tokens() else { return loaded.contact_sheet() };
    let [columns, rows] = SIDES;
    let count = net.grid()[0] * net.grid()[1];
    let one = |id: usize| tensors::to_pictures(net.pictures(&vec![id as u32; count], device), info.recipe.shape());
    let cells: Vec<Picture> = (0..net.codes().min(columns * rows)).flat_map(one).collect();
    Ok(Picture::grid(&cells, columns, 1, [0; 4]))
}
