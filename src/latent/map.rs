//! An endless plane through latent space, in tiles: a map to pan and zoom.
//!
//! A tile is a pure function of the model, the plane, the zoom and its place: `CELLS` × `CELLS` pictures of the latents
//! at the centres of its cells. At zoom 0 a tile is one unit of the plane wide; each zoom step halves it, without end.

use serde::{Deserialize, Serialize};

use super::directions::Direction;
use super::interpolate::Mode;
use super::latent_math::Dims;
use super::model::LoadedModel;
use super::walk;
use crate::base::{Picture, Problem, Result};
use crate::recipe::picture::{Latent, Space};

/// Cells along the side of a tile.
pub const CELLS: u32 = 4;
/// Zoom from −`FARTHEST` (256 units a tile) to `FARTHEST` times four: beyond, numbers end before pictures do.
const FARTHEST: i32 = 8;

/// A plane through latent space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Plane {
    /// All seeds: whole places are seeds, see [`walk::plane`].
    Seeds,
    /// Through three latents.
    Through {
        /// At (0, 0).
        a: Latent,
        /// At (1, 0).
        b: Latent,
        /// At (0, 1).
        c: Latent,
        /// Along the sphere or straight.
        #[serde(default)]
        mode: Mode,
    },
    /// Along two directions, in their standard deviations.
    Directions {
        /// At (0, 0).
        centre: Latent,
        /// To the right.
        right: Box<Direction>,
        /// Downwards.
        down: Box<Direction>,
    },
    /// A latent of two numbers, whole: `x` and `y` are the numbers.
    Code,
}

impl Plane {
    /// The latent at a place, for a plane whose latents and directions fit each other (see [`LoadedModel::flat`]).
    ///
    /// # Errors
    /// They do not, or belong to another model.
    pub fn at(&self, dims: &Dims, x: f64, y: f64) -> Result<Latent> {
        match self {
            Self::Seeds => {
                let whole = x.fract() == 0.0 && y.fract() == 0.0;
                Ok(if whole {
                    Latent::Seed { seed: walk::plane_seed(x, y) }
                } else {
                    Latent::Point { values: walk::plane(x, y, dims.z) }
                })
            }
            Self::Through { a, b, c, mode } => dims.sum(&[(1.0 - x - y, a), (x, b), (y, c)], *mode),
            Self::Directions { centre, right, down } => dims.moved(centre, [(&**right, x as f32), (&**down, y as f32)]),
            Self::Code if dims.z == 2 => Ok(Latent::Point { values: vec![x as f32, y as f32] }),
            Self::Code => Err(Problem::usage("This model's latents are no plane")
                .because(format!("they have {} numbers", dims.z))
                .try_this("Choose three latents, or two directions")),
        }
    }
}

/// The centres of a tile's cells, row by row.
///
/// # Errors
/// The zoom is out of range.
pub fn places(zoom: i32, x: i64, y: i64) -> Result<Vec<(f64, f64)>> {
    if !(-FARTHEST..=4 * FARTHEST).contains(&zoom) {
        let range = format!("It goes from {} to {}", -FARTHEST, 4 * FARTHEST);
        return Err(Problem::usage("The map has no such zoom").of(zoom.to_string()).try_this(range));
    }
    let side = libm::exp2(f64::from(-zoom));
    let cell = |tile: i64, i: u32| (tile as f64 + (f64::from(i) + 0.5) / f64::from(CELLS)) * side;
    Ok((0..CELLS * CELLS).map(|i| (cell(x, i % CELLS), cell(y, i / CELLS))).collect())
}

/// The tiles that cover a rectangle, row by row, and how many there are across.
///
/// # Errors
/// The rectangle is empty or not finite, or it takes more than `most` tiles.
pub fn covering([x0, y0, x1, y1]: [f64; 4], zoom: i32, most: usize) -> Result<(Vec<(i64, i64)>, usize)> {
    let scale = libm::exp2(f64::from(zoom));
    let first = |v: f64| (v * scale).floor();
    let past = |v: f64| (v * scale).ceil();
    let (columns, rows) = (past(x1) - first(x0), past(y1) - first(y0));
    if !(columns >= 1.0 && rows >= 1.0) {
        return Err(Problem::usage("This rectangle is empty").of(format!("{x0},{y0},{x1},{y1}")));
    }
    if columns * rows > most as f64 {
        return Err(Problem::usage("This rectangle is too large at this zoom")
            .because(format!("{columns} × {rows} tiles, {most} at most"))
            .try_this("Choose a smaller rectangle, or a lower zoom"));
    }
    let (left, top) = (first(x0) as i64, first(y0) as i64);
    let (columns, rows) = (columns as i64, rows as i64);
    Ok(((0..rows).flat_map(|r| (0..columns).map(move |c| (left + c, top + r))).collect(), columns as usize))
}

impl LoadedModel {
    /// The plane with all its latents as styles, if it needs some.
    ///
    /// # Errors
    /// A latent or direction of it belongs to another model, or the model has no styles.
    pub fn flat(&self, plane: &Plane) -> Result<Plane> {
        let dims = self.dims();
        match plane {
            Plane::Through { a, b, c, .. } => dims.check_all([a, b, c])?,
            Plane::Directions { centre, right, down } => {
                dims.check(centre)?;
                dims.check_direction(right)?;
                dims.check_direction(down)?;
            }
            Plane::Seeds | Plane::Code => {}
        }
        let styled = |l: &Latent| l.place().space == Space::W;
        let to_styles = |l: &Latent| -> Result<Latent> {
            if styled(l) {
                return Ok(l.clone());
            }
            self.to_styles(std::slice::from_ref(l), false)?
                .pop()
                .ok_or_else(|| Problem::failed("The model made no style").of(self.info().name.clone()))
        };
        Ok(match plane {
            Plane::Through { a, b, c, mode } if [a, b, c].into_iter().any(styled) => {
                Plane::Through { a: to_styles(a)?, b: to_styles(b)?, c: to_styles(c)?, mode: *mode }
            }
            Plane::Directions { centre, right, down } if right.space == Space::W || down.space == Space::W => {
                Plane::Directions { centre: to_styles(centre)?, right: right.clone(), down: down.clone() }
            }
            other => other.clone(),
        })
    }

    /// Latents at places of a plane.
    ///
    /// # Errors
    /// The plane belongs to another model.
    pub fn latents_at(&self, plane: &Plane, places: &[(f64, f64)]) -> Result<Vec<Latent>> {
        let (plane, dims) = (self.flat(plane)?, self.dims());
        places.iter().map(|(x, y)| plane.at(&dims, *x, *y)).collect()
    }

    /// A tile.
    ///
    /// # Errors
    /// The plane belongs to another model, or the zoom is out of range.
    pub fn tile(&self, plane: &Plane, zoom: i32, x: i64, y: i64, truncation: f32) -> Result<Picture> {
        self.tile_of(&self.latents_at(plane, &places(zoom, x, y)?)?, truncation)
    }

    /// A tile of its cells' latents, row by row.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn tile_of(&self, cells: &[Latent], truncation: f32) -> Result<Picture> {
        Ok(Picture::grid(&self.generate(cells, truncation)?, CELLS as usize, 0, [0; 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::testing::fresh;

    fn cell(tile: &Picture, i: u32, side: u32) -> Picture {
        let (x, y) = (i % CELLS * side, i / CELLS * side);
        let rows = (0..side).flat_map(|r| {
            let from = (((y + r) * tile.width + x) * 4) as usize;
            tile.rgba[from..from + side as usize * 4].to_vec()
        });
        Picture { width: side, height: side, rgba: rows.collect() }
    }

    #[test]
    fn tiles_are_what_direct_decoding_makes() {
        let seed = |seed| Latent::Seed { seed };
        let through = Plane::Through { a: seed(1), b: seed(2), c: seed(3), mode: Mode::Slerp };
        let gan = fresh("dcgan", 8, 6);
        let style = fresh("style-gan", 8, 6);
        let direction = Direction { space: Space::W, values: vec![0.3; 6], ..Direction::default() };
        let along = Plane::Directions {
            centre: seed(4),
            right: Box::new(Direction { layers: Some([0, 2]), ..direction.clone() }),
            down: Box::new(direction),
        };
        for (model, plane) in [(&gan, &through), (&gan, &Plane::Seeds), (&style, &along)] {
            for (zoom, x, y) in [(0, 0, 0), (3, -5, 7)] {
                let tile = model.tile(plane, zoom, x, y, 0.8).unwrap();
                assert_eq!((tile.width, tile.height), (64, 64));
                let places = places(zoom, x, y).unwrap();
                for i in [0, 6, 15] {
                    let latent = model.latents_at(plane, &places[i..=i]).unwrap();
                    assert_eq!(cell(&tile, i as u32, 16), model.generate(&latent, 0.8).unwrap()[0], "{plane:?} {i}");
                }
            }
        }
    }

    #[test]
    fn a_zoom_step_shows_the_same_plane_finer() {
        let coarse = places(0, 0, 0).unwrap();
        let fine = places(1, 1, 0).unwrap();
        // The right upper quarter: the first of its cells lies where the coarse cell (0, 2) begins.
        assert_eq!(coarse[2], (0.625, 0.125));
        assert_eq!((fine[0], fine[1]), ((0.5625, 0.0625), (0.6875, 0.0625)));
        assert!(places(99, 0, 0).is_err());
        let dims = Dims { z: 2, classes: 0, layers: 0 };
        assert_eq!(Plane::Code.at(&dims, 0.5, -2.0).unwrap(), Latent::Point { values: vec![0.5, -2.0] });
        assert!(Plane::Code.at(&Dims { z: 3, ..dims }, 0.0, 0.0).is_err());
        let corners = [Latent::Seed { seed: 1 }, Latent::Seed { seed: 2 }, Latent::Seed { seed: 3 }];
        let [a, b, c] = corners.clone();
        let through = Plane::Through { a, b, c, mode: Mode::Slerp };
        for (place, corner) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)].into_iter().zip(&corners) {
            let got = through.at(&dims, place.0, place.1).unwrap().values(2);
            assert!(got.iter().zip(corner.values(2)).all(|(x, y)| (x - y).abs() < 1e-6));
        }
    }

    #[test]
    fn rectangles_are_covered() {
        let (tiles, across) = covering([-0.5, 0.0, 1.0, 1.0], 0, 100).unwrap();
        assert_eq!((tiles, across), (vec![(-1, 0), (0, 0)], 2));
        assert_eq!(covering([0.0, 0.0, 1.0, 0.5], 2, 100).unwrap().0.len(), 8);
        assert!(covering([0.0, 0.0, 0.0, 1.0], 0, 100).is_err());
        assert!(covering([0.0, 0.0, 1e9, 1e9], 0, 100).is_err());
        assert!(covering([f64::NAN, 0.0, 1.0, 1.0], 0, 100).is_err());
    }
}
