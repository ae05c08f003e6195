//! At most 256 colours for a picture: exact where it has no more, else by Wu-like splits and a few rounds of k-means.

use std::collections::HashMap;

use crate::base::Picture;

/// A picture in few colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Red, green, blue of each colour; at most 256 colours.
    pub palette: Vec<u8>,
    /// A colour for each pixel.
    pub pixels: Vec<u8>,
    /// The colour that is see-through, if a pixel is.
    pub transparent: Option<u8>,
}

type Rgb = [u8; 3];

/// Reduces a picture to at most 256 colours, without dithering (flat areas stay flat, films do not shimmer).
/// Pixels less than half opaque become see-through; others opaque. The same picture always gives the same result.
pub fn reduce(p: &Picture) -> Indexed {
    let mut counts: HashMap<Rgb, u32> = HashMap::new();
    let mut clear = false;
    for px in p.rgba.chunks_exact(4) {
        if px[3] < 128 {
            clear = true;
        } else {
            *counts.entry([px[0], px[1], px[2]]).or_default() += 1;
        }
    }
    let mut colours: Vec<(Rgb, u32)> = counts.into_iter().collect();
    // The order of a hash map differs from run to run; the file shall not.
    colours.sort_unstable();
    let room = 256 - usize::from(clear);
    let mut palette: Vec<Rgb> = if colours.len() <= room {
        colours.iter().map(|c| c.0).collect()
    } else {
        let coarse = gather(&colours);
        refine(split(&coarse, room), &coarse)
    };
    if palette.is_empty() {
        palette.push([0; 3]);
    }
    let transparent = clear.then_some(palette.len() as u8);
    let exact = colours.len() <= room;
    let near = Nearest::new(&palette);
    let index: HashMap<Rgb, u8> =
        colours.iter().enumerate().map(|(i, (c, _))| (*c, if exact { i } else { near.find(*c) } as u8)).collect();
    let pixels = p
        .rgba
        .chunks_exact(4)
        .map(|px| match transparent {
            Some(clear) if px[3] < 128 => clear,
            _ => index.get(&[px[0], px[1], px[2]]).copied().unwrap_or(0),
        })
        .collect();
    if clear {
        palette.push([0; 3]);
    }
    Indexed { palette: palette.concat(), pixels, transparent }
}

/// A group of like colours: their mean, and how many pixels have them.
#[derive(Clone, Copy)]
struct Bin {
    mean: [f64; 3],
    weight: f64,
}

/// Joins colours that share their upper six bits, if there are many: enough to place 256 colours well, and quick.
fn gather(colours: &[(Rgb, u32)]) -> Vec<Bin> {
    let shift = if colours.len() > 4096 { 2 } else { 0 };
    let mut bins: Vec<(Rgb, Bin)> = Vec::new();
    let mut keyed: Vec<(Rgb, Rgb, u32)> = colours.iter().map(|&(c, n)| (c.map(|v| v >> shift), c, n)).collect();
    keyed.sort_unstable();
    for (key, colour, count) in keyed {
        let n = f64::from(count);
        match bins.last_mut() {
            Some((last, bin)) if *last == key => {
                bin.weight += n;
                for (m, v) in bin.mean.iter_mut().zip(colour) {
                    *m += (f64::from(v) - *m) * n / bin.weight;
                }
            }
            _ => bins.push((key, Bin { mean: colour.map(f64::from), weight: n })),
        }
    }
    bins.into_iter().map(|b| b.1).collect()
}

/// How much the eye sees of a difference in each channel (squared weights, near those of luma).
const SEEN: [f64; 3] = [2.0, 4.0, 1.0];

/// Mean and squared error of bins.
fn moments(bins: &[Bin]) -> ([f64; 3], [f64; 3]) {
    let weight: f64 = bins.iter().map(|b| b.weight).sum();
    let mut mean = [0.0; 3];
    let mut error = [0.0; 3];
    for k in 0..3 {
        mean[k] = bins.iter().map(|b| b.mean[k] * b.weight).sum::<f64>() / weight;
        error[k] = SEEN[k] * bins.iter().map(|b| (b.mean[k] - mean[k]).powi(2) * b.weight).sum::<f64>();
    }
    (mean, error)
}

/// Splits the group with the largest error where that lowers it most, until there are `wanted` groups.
fn split(bins: &[Bin], wanted: usize) -> Vec<[f64; 3]> {
    struct Group {
        bins: Vec<Bin>,
        mean: [f64; 3],
        error: [f64; 3],
    }
    let group = |bins: Vec<Bin>| {
        let (mean, error) = moments(&bins);
        Group { bins, mean, error }
    };
    let mut groups = vec![group(bins.to_vec())];
    while groups.len() < wanted {
        let worst = groups
            .iter()
            .enumerate()
            .filter(|(_, g)| g.bins.len() > 1)
            .max_by(|a, b| a.1.error.iter().sum::<f64>().total_cmp(&b.1.error.iter().sum()))
            .map(|(i, _)| i);
        let Some(worst) = worst else { break };
        let mut old = groups.swap_remove(worst);
        let axis = (0..3).max_by(|&a, &b| old.error[a].total_cmp(&old.error[b])).unwrap_or(0);
        old.bins.sort_by(|a, b| a.mean[axis].total_cmp(&b.mean[axis]));
        // The cut with the greatest variance between both sides, as in Otsu's threshold.
        let (mut left, mut left_sum) = (0.0, 0.0);
        let total: f64 = old.bins.iter().map(|b| b.weight).sum();
        let sum: f64 = old.bins.iter().map(|b| b.mean[axis] * b.weight).sum();
        let (mut best, mut cut) = (-1.0, 1);
        for (i, bin) in old.bins[..old.bins.len() - 1].iter().enumerate() {
            left += bin.weight;
            left_sum += bin.mean[axis] * bin.weight;
            let between = left * (total - left) * (left_sum / left - (sum - left_sum) / (total - left)).powi(2);
            if between > best {
                (best, cut) = (between, i + 1);
            }
        }
        let right = old.bins.split_off(cut);
        groups.push(group(old.bins));
        groups.push(group(right));
    }
    groups.iter().map(|g| g.mean).collect()
}

/// A few rounds of k-means, which moves the colours to where the pixels are.
fn refine(mut centres: Vec<[f64; 3]>, bins: &[Bin]) -> Vec<Rgb> {
    let round = |c: &[f64; 3]| c.map(|v| v.round().clamp(0.0, 255.0) as u8);
    for _ in 0..3 {
        let near = Nearest::new(&centres.iter().map(round).collect::<Vec<_>>());
        let mut sums = vec![([0.0; 3], 0.0); centres.len()];
        for bin in bins {
            let (sum, weight) = &mut sums[near.find(round(&bin.mean))];
            for (s, m) in sum.iter_mut().zip(bin.mean) {
                *s += m * bin.weight;
            }
            *weight += bin.weight;
        }
        for (centre, (sum, weight)) in centres.iter_mut().zip(sums) {
            if weight > 0.0 {
                *centre = sum.map(|s| s / weight);
            }
        }
    }
    let mut palette: Vec<Rgb> = centres.iter().map(round).collect();
    palette.sort_unstable();
    palette.dedup();
    palette
}

/// Finds the colour that looks nearest without looking at most of the others.
struct Nearest {
    /// Colours with their places in the palette, by green, which weighs most.
    by_green: Vec<(Rgb, usize)>,
}

impl Nearest {
    fn new(palette: &[Rgb]) -> Self {
        let mut by_green: Vec<_> = palette.iter().copied().zip(0..).collect();
        by_green.sort_unstable_by_key(|&(c, i)| (c[1], i));
        Self { by_green }
    }

    /// Place of the colour nearest to this one.
    fn find(&self, colour: Rgb) -> usize {
        let off = |a: u8, b: u8| (i32::from(a) - i32::from(b)).pow(2);
        let start = self.by_green.partition_point(|(c, _)| c[1] < colour[1]);
        let (below, above) = self.by_green.split_at(start);
        let mut best = (i32::MAX, 0);
        for side in [&mut above.iter() as &mut dyn Iterator<Item = &(Rgb, usize)>, &mut below.iter().rev()] {
            for &(c, place) in side {
                let green = 4 * off(c[1], colour[1]);
                if green >= best.0 {
                    break;
                }
                let far = green + 2 * off(c[0], colour[0]) + off(c[2], colour[2]);
                if far < best.0 {
                    best = (far, place);
                }
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restore(i: &Indexed) -> Vec<u8> {
        let colour = |c: u8| &i.palette[c as usize * 3..c as usize * 3 + 3];
        i.pixels.iter().flat_map(|&c| colour(c).to_vec()).collect()
    }

    /// A smooth picture with far more than 256 colours.
    fn smooth(side: u32) -> Picture {
        let mut p = Picture::filled(side, side, [0, 0, 0, 255]);
        for y in 0..side {
            for x in 0..side {
                let i = ((y * side + x) * 4) as usize;
                let (u, v) = (x * 255 / (side - 1), y * 255 / (side - 1));
                p.rgba[i..i + 3].copy_from_slice(&[u as u8, v as u8, ((u + v) / 2) as u8]);
            }
        }
        p
    }

    #[test]
    fn few_colours_stay_exact() {
        let rgba = (0..=255u8).flat_map(|v| [v, v.wrapping_mul(7), 255 - v, 255]).collect();
        let p = Picture { width: 16, height: 16, rgba };
        let i = reduce(&p);
        assert_eq!((i.palette.len(), i.transparent), (768, None));
        assert_eq!(restore(&i), p.to_interleaved(crate::base::Channels::Rgb));
    }

    #[test]
    fn see_through_pixels_take_one_colour() {
        let rgba = (0..=255u8).flat_map(|v| [v, v, v, if v < 3 { 0 } else { 200 }]).collect();
        let i = reduce(&Picture { width: 16, height: 16, rgba });
        let clear = i.transparent.unwrap();
        assert_eq!(i.pixels.iter().filter(|&&c| c == clear).count(), 3);
        assert!(i.palette.len() <= 768);
        assert_eq!(reduce(&Picture::filled(2, 2, [0; 4])).transparent, Some(1));
    }

    #[test]
    fn the_nearest_is_the_nearest() {
        let mut stream = 1u32;
        let mut byte = || {
            stream = stream.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (stream >> 24) as u8
        };
        let palette: Vec<Rgb> = (0..200).map(|_| [byte(), byte(), byte()]).collect();
        let near = Nearest::new(&palette);
        let far = |a: Rgb, b: Rgb| {
            let off = |k: usize| (i32::from(a[k]) - i32::from(b[k])).pow(2);
            2 * off(0) + 4 * off(1) + off(2)
        };
        for _ in 0..2000 {
            let c = [byte(), byte(), byte()];
            let least = palette.iter().map(|&p| far(p, c)).min().unwrap();
            assert_eq!(far(palette[near.find(c)], c), least);
        }
    }

    #[test]
    fn many_colours_are_well_met_and_always_the_same() {
        for side in [20, 64, 160] {
            let p = smooth(side);
            let i = reduce(&p);
            assert!(i.palette.len() <= 768);
            let (a, b) = (restore(&i), p.to_interleaved(crate::base::Channels::Rgb));
            let mse =
                a.iter().zip(&b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>() / a.len() as f64;
            let psnr = 10.0 * (255.0 * 255.0 / mse).log10();
            assert!(psnr > 33.0, "{side}: {psnr} dB");
            assert_eq!(reduce(&p), i);
        }
    }
}
