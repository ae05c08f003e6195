//! Journeys: films from latent to latent, loops, and the plane of all seeds.

use super::interpolate::{Mode, norm};
use super::latent_math::Dims;
use crate::base::Result;
use crate::base::rng::latent_from_seed;
use crate::recipe::picture::Latent;

/// Latents of a film through `points`, in which every stretch takes equally long, one after the other as they are asked
/// for. Classes and styles go along with the numbers.
///
/// An open walk begins at the first point and ends at the last. A loop also goes from the last back to the first, and
/// its last frame leads into its first without repeating it: played again and again it runs on evenly. Speed along a
/// stretch eases in and out (`3t² − 2t³`), so that the eye may rest at each point and nothing jerks there.
/// One point gives that point in every frame; without points or frames the film is empty. A frame is an error where one
/// end of its stretch is a latent and the other a style.
pub fn walk<'a>(
    dims: Dims,
    points: &'a [Latent],
    frames: usize,
    looped: bool,
    mode: Mode,
) -> impl ExactSizeIterator<Item = Result<Latent>> + use<'a> {
    let n = points.len();
    let at = move |(stretch, t): (usize, f64)| dims.between(&points[stretch], &points[(stretch + 1) % n], t, mode);
    places(n, frames, looped).into_iter().map(at)
}

/// Where each frame of [`walk`] lies: after which of `n` points, and how far on the way to the next.
pub fn places(n: usize, frames: usize, looped: bool) -> Vec<(usize, f64)> {
    match n {
        0 => return Vec::new(),
        1 => return vec![(0, 0.0); frames],
        _ => {}
    }
    let stretches = if looped { n } else { n - 1 };
    // An open walk has a frame on its very end; a loop leaves that one to its beginning.
    let steps = if looped { frames } else { frames.saturating_sub(1) };
    (0..frames)
        .map(|frame| {
            let along = if steps == 0 { 0.0 } else { (frame * stretches) as f64 / steps as f64 };
            let stretch = (along as usize).min(stretches - 1);
            (stretch, ease(along - stretch as f64))
        })
        .collect()
}

/// `3t² − 2t³`: 0 at 0, 1 at 1, at rest at both.
pub fn ease(t: f64) -> f64 {
    t * t * (3.0 - 2.0 * t)
}

/// The latent at a place of the seed plane: whole numbers are seeds, in between lies a mix of the four around.
///
/// Seeds run along x; each whole step in y goes on to the seeds 100 further, as in the StyleGAN viewers: `(x, y)` is
/// the seed `x + 100·y`. The mix is bilinear in the seeds' latents and is then brought to the length that the
/// bilinear mix of their lengths has, so that it is as likely as its corners. Seeds below zero wrap around to the
/// upper end of the 64-bit numbers, and the plane has no edge.
pub fn plane(seed_x: f64, seed_y: f64, dim: usize) -> Vec<f32> {
    let (x0, y0) = (libm::floor(seed_x), libm::floor(seed_y));
    let (tx, ty) = (seed_x - x0, seed_y - y0);
    let weights = [(1.0 - tx) * (1.0 - ty), tx * (1.0 - ty), (1.0 - tx) * ty, tx * ty];
    let mut mixed = vec![0.0f64; dim];
    let mut length = 0.0;
    for (weight, (dx, dy)) in weights.into_iter().zip([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]) {
        if weight == 0.0 {
            continue;
        }
        let latent = latent_from_seed(plane_seed(x0 + dx, y0 + dy), dim);
        length += weight * norm(&latent);
        for (sum, &value) in mixed.iter_mut().zip(&latent) {
            *sum += weight * f64::from(value);
        }
    }
    let now = libm::sqrt(mixed.iter().map(|v| v * v).sum());
    let scale = if now < 1e-12 { 1.0 } else { length / now };
    mixed.into_iter().map(|v| (v * scale) as f32).collect()
}

/// Seeds a whole step down the plane.
pub const PLANE_ROW: i64 = 100;

/// The seed at a whole place of the plane.
pub fn plane_seed(x: f64, y: f64) -> u64 {
    (x as i64).wrapping_add((y as i64).wrapping_mul(PLANE_ROW)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::picture::{Place, Space};

    const DIMS: Dims = Dims { z: 8, classes: 0, layers: 0 };

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-5)
    }

    fn film(dims: &Dims, points: &[Latent], frames: usize, looped: bool, mode: Mode) -> Vec<Latent> {
        walk(*dims, points, frames, looped, mode).collect::<Result<_>>().unwrap()
    }

    fn line(values: &[f32]) -> Vec<Latent> {
        values.iter().map(|v| Latent::Point { values: vec![*v] }).collect()
    }

    #[test]
    fn an_open_walk_begins_passes_and_ends_at_its_points() {
        let points: Vec<_> = (1..=3).map(|seed| Latent::Seed { seed }).collect();
        let film = film(&DIMS, &points, 21, false, Mode::Slerp);
        assert_eq!(film.len(), 21);
        for (frame, point) in [(0, 0), (10, 1), (20, 2)] {
            assert_eq!(film[frame], points[point], "frame {frame}");
        }
        let half = Mode::Slerp.between(&latent_from_seed(1, 8), &latent_from_seed(2, 8), 0.5);
        assert!(close(&DIMS.numbers(&film[5]), &half));
    }

    #[test]
    fn a_walk_goes_from_class_to_class_and_through_styles() {
        let dims = Dims { classes: 3, ..DIMS };
        let points =
            [Latent::Seed { seed: 1 }.with_class(&[(0, 1.0)]), Latent::Seed { seed: 2 }.with_class(&[(2, 1.0)])];
        let film = film(&dims, &points, 5, false, Mode::Slerp);
        assert_eq!(film[0].class(), [(0, 1.0)]);
        assert_eq!(film[2].class(), [(0, 0.5), (2, 0.5)]);
        assert_eq!(film[4].class(), [(2, 1.0)]);
        let place = Place { space: Space::W, values: vec![0.0; 8], ..Place::default() };
        let mixed = [Latent::Seed { seed: 1 }, Latent::Place(place)];
        assert!(walk(Dims { layers: 2, ..DIMS }, &mixed, 5, false, Mode::Lerp).nth(2).unwrap().is_err());
    }

    #[test]
    fn a_loop_leads_into_its_beginning_without_repeating_it() {
        let dims = Dims { z: 1, ..DIMS };
        let film = film(&dims, &line(&[0.0, 1.0, 2.0]), 12, true, Mode::Lerp);
        let film: Vec<f32> = film.iter().map(|l| dims.numbers(l)[0]).collect();
        assert_eq!((film[0], film[4], film[8]), (0.0, 1.0, 2.0));
        // A quarter before the end of the last stretch, 3t² − 2t³ at ¾ is 27/32 of the way back to 0.
        assert!((film[11] - 2.0 * (1.0 - 27.0 / 32.0)).abs() < 1e-6, "{:?}", film[11]);
        assert!(film.iter().skip(1).all(|f| *f > 0.0));
    }

    #[test]
    fn easing_is_at_rest_at_both_ends() {
        assert_eq!((ease(0.0), ease(0.5), ease(1.0)), (0.0, 0.5, 1.0));
        let h = 1e-4;
        assert!(ease(h) / h < 1e-3 && (1.0 - ease(1.0 - h)) / h < 1e-3);
    }

    #[test]
    fn short_films_and_few_points() {
        let dims = Dims { z: 1, ..DIMS };
        assert!(film(&dims, &[], 5, true, Mode::Lerp).is_empty());
        assert!(film(&dims, &line(&[1.0, 2.0]), 0, false, Mode::Lerp).is_empty());
        assert_eq!(film(&dims, &line(&[1.0]), 3, true, Mode::Slerp), vec![line(&[1.0]).remove(0); 3]);
        assert_eq!(film(&dims, &line(&[1.0, 2.0]), 1, false, Mode::Lerp), line(&[1.0]));
    }

    #[test]
    fn whole_places_of_the_plane_are_seeds() {
        assert_eq!(plane(7.0, 0.0, 16), latent_from_seed(7, 16));
        assert_eq!(plane(7.0, 2.0, 16), latent_from_seed(207, 16));
        assert_eq!(plane(-1.0, 0.0, 4), latent_from_seed(u64::MAX, 4));
    }

    #[test]
    fn the_plane_is_smooth_and_keeps_the_length() {
        let dim = 128;
        let corners = [7.0, 8.0].map(|x| norm(&plane(x, 3.0, dim)));
        let middle = plane(7.5, 3.0, dim);
        assert!((norm(&middle) - (corners[0] + corners[1]) / 2.0).abs() < 1e-4);
        for (x, y) in [(7.0, 3.0), (7.3, 3.9), (-2.5, 0.5)] {
            let (here, near) = (plane(x, y, dim), plane(x + 1e-4, y + 1e-4, dim));
            let step: f64 = here.iter().zip(&near).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
            assert!(step < 0.02, "{x} {y}: {step}");
        }
    }
}
