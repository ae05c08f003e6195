//! From the colours of a file to sRGB, by what the file says its colours mean.

use std::sync::{Arc, OnceLock};

use image::{DynamicImage, RgbaImage};
use moxcms::{
    Chromaticity, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout, ProfileText, ToneReprCurve,
    Transform8BitExecutor, Transform16BitExecutor, TransformF32Executor, TransformOptions, XyY,
};
use parking_lot::Mutex;

use super::remark::Remark;
use crate::base::panics::quietly;

/// What a file says of its colours.
#[derive(Default)]
pub(super) enum Meaning {
    /// Nothing, or that they are sRGB.
    #[default]
    Srgb,
    /// An ICC profile.
    Profile(Vec<u8>),
    /// Colour primaries, transfer, matrix and range of ITU-T H.273 (the cICP chunk of PNG).
    Code([u8; 4]),
    /// The gAMA chunk of PNG, and cHRM: white, red, green, blue, each x and y; in 100,000ths.
    Gamma { gamma: u32, chroma: Option<[u32; 8]> },
}

/// What is done with colours of one meaning.
#[derive(Clone)]
enum Way {
    /// They are sRGB, as near as can be seen.
    AsIs,
    /// They are converted.
    Converted(Arc<Conversion>),
    /// They stay as they are although they mean something else.
    Kept(Remark),
}

/// A profile with its conversions to sRGB, each made when first needed.
struct Conversion {
    name: String,
    profile: ColorProfile,
    eight: OnceLock<Option<Arc<Transform8BitExecutor>>>,
    sixteen: OnceLock<Option<Arc<Transform16BitExecutor>>>,
    float: OnceLock<Option<Arc<TransformF32Executor>>>,
}

/// Largest difference from sRGB that is no difference: what rounding in profiles of sRGB itself amounts to.
const NEAR: u8 = 2;
/// Pixels converted at once.
const ROW: usize = 1 << 14;
/// Conversions kept for the next pictures.
const KEPT: usize = 16;

/// The picture in sRGB, and what is worth telling.
pub(super) fn to_srgb(pixels: DynamicImage, meaning: &Meaning) -> (RgbaImage, Option<Remark>) {
    let grey = matches!(
        pixels,
        DynamicImage::ImageLuma8(_)
            | DynamicImage::ImageLumaA8(_)
            | DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
    );
    match way(meaning, grey) {
        Way::AsIs => (plain(pixels), None),
        Way::Kept(remark) => (plain(pixels), Some(remark)),
        Way::Converted(conversion) => match conversion.run(&pixels) {
            Some(done) => (done, Some(Remark::Converted(conversion.name.clone()))),
            None => (plain(pixels), Some(Remark::ProfileBroken)),
        },
    }
}

/// Eight bits of what is sRGB; floating-point pictures hold linear light.
fn plain(pixels: DynamicImage) -> RgbaImage {
    if matches!(pixels, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)) {
        from_linear(&pixels.into_rgba32f())
    } else {
        pixels.into_rgba8()
    }
}

fn from_linear(pixels: &image::Rgba32FImage) -> RgbaImage {
    let encode = |v: f32| {
        let v = v.clamp(0.0, 1.0);
        let s = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * libm::powf(v, 1.0 / 2.4) - 0.055 };
        (s * 255.0).round() as u8
    };
    RgbaImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let p = pixels.get_pixel(x, y).0;
        image::Rgba([encode(p[0]), encode(p[1]), encode(p[2]), (p[3].clamp(0.0, 1.0) * 255.0).round() as u8])
    })
}

/// What is done with this meaning; known meanings are remembered.
fn way(meaning: &Meaning, grey: bool) -> Way {
    static KNOWN: Mutex<Vec<([u8; 32], Way)>> = Mutex::new(Vec::new());
    if matches!(meaning, Meaning::Srgb) {
        return Way::AsIs;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[u8::from(grey)]);
    match meaning {
        Meaning::Srgb => &mut hasher,
        Meaning::Profile(bytes) => hasher.update(bytes),
        Meaning::Code(code) => hasher.update(b"code").update(code),
        Meaning::Gamma { gamma, chroma } => {
            hasher.update(b"gamma").update(&gamma.to_le_bytes());
            chroma.iter().flatten().fold(&mut hasher, |h, v| h.update(&v.to_le_bytes()))
        }
    };
    let key = *hasher.finalize().as_bytes();
    let mut known = KNOWN.lock();
    if let Some(place) = known.iter().position(|(k, _)| *k == key) {
        known[..=place].rotate_right(1);
        return known[0].1.clone();
    }
    drop(known);
    // A panic over a damaged profile leaves the colours as they are.
    let way = quietly(|| find(meaning, grey)).unwrap_or(Way::Kept(Remark::ProfileBroken));
    let mut known = KNOWN.lock();
    known.insert(0, (key, way.clone()));
    known.truncate(KEPT);
    way
}

fn find(meaning: &Meaning, grey: bool) -> Way {
    let (name, profile) = match meaning {
        Meaning::Srgb => return Way::AsIs,
        Meaning::Profile(bytes) => {
            let Ok(profile) = ColorProfile::new_from_slice(bytes) else { return Way::Kept(Remark::ProfileBroken) };
            match profile.color_space {
                DataColorSpace::Rgb => {}
                DataColorSpace::Gray if grey => {}
                DataColorSpace::Cmyk => return Way::Kept(Remark::ProfileForPrint),
                _ => return Way::Kept(Remark::ProfileBroken),
            }
            let name = profile.description.as_ref().map(described).unwrap_or_default();
            (if name.is_empty() { "a colour profile".into() } else { name }, profile)
        }
        &Meaning::Code([primaries, transfer, matrix, range]) => match (primaries, transfer) {
            // Unspecified, and what is made for brighter screens than sRGB knows.
            (2, _) | (_, 2) => return Way::AsIs,
            (_, 16 | 18) => return Way::Kept(Remark::HighDynamicRange),
            _ => match coded(primaries, transfer) {
                Some(profile) if matrix == 0 && range == 1 => ("its colour code (cICP)".into(), profile),
                _ => return Way::Kept(Remark::ProfileBroken),
            },
        },
        Meaning::Gamma { gamma, chroma } => match of_gamma(*gamma, chroma.as_ref()) {
            Some(profile) => ("its gamma (gAMA)".into(), profile),
            None => return Way::AsIs,
        },
    };
    let conversion =
        Conversion { name, profile, eight: OnceLock::new(), sixteen: OnceLock::new(), float: OnceLock::new() };
    match conversion.is_near() {
        None => Way::Kept(Remark::ProfileBroken),
        Some(true) => Way::AsIs,
        Some(false) => Way::Converted(Arc::new(conversion)),
    }
}

fn described(text: &ProfileText) -> String {
    let text = match text {
        ProfileText::PlainString(text) => text,
        ProfileText::Localizable(all) => match all.iter().find(|t| t.language == "en").or(all.first()) {
            Some(text) => &text.value,
            None => return String::new(),
        },
        ProfileText::Description(text) if text.ascii_string.is_empty() => &text.unicode_string,
        ProfileText::Description(text) => &text.ascii_string,
    };
    text.chars().filter(|c| !c.is_control()).take(60).collect::<String>().trim().to_owned()
}

fn coded(primaries: u8, transfer: u8) -> Option<ColorProfile> {
    let code = CicpProfile {
        color_primaries: primaries.try_into().ok()?,
        transfer_characteristics: transfer.try_into().ok()?,
        matrix_coefficients: moxcms::MatrixCoefficients::Identity,
        full_range: true,
    };
    let profile = ColorProfile::new_from_cicp(code);
    profile.red_trc.is_some().then_some(profile)
}

/// The profile of a gamma; nothing for that of sRGB, or one that makes no sense.
fn of_gamma(gamma: u32, chroma: Option<&[u32; 8]>) -> Option<ColorProfile> {
    let usual = gamma.abs_diff(45_455) <= 45_455 / 20;
    let srgb = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
    let same = chroma.is_none_or(|c| c.iter().zip(srgb).all(|(a, b)| a.abs_diff(b) <= 300));
    if !(10_000..=1_000_000).contains(&gamma) || usual && same {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    if let Some(c) = chroma.filter(|_| !same) {
        if c.iter().any(|&v| v == 0 || v > 100_000) {
            return None;
        }
        let [wx, wy, rx, ry, gx, gy, bx, by] = c.map(|v| f64::from(v) / 100_000.0);
        let place = |x: f64, y: f64| Chromaticity::new(x as f32, y as f32);
        let primaries = ColorPrimaries { red: place(rx, ry), green: place(gx, gy), blue: place(bx, by) };
        profile.update_rgb_colorimetry(XyY::new(wx, wy, 1.0), primaries);
    }
    profile.cicp = None;
    if !usual {
        let curve = ToneReprCurve::Parametric(vec![100_000.0 / gamma as f32]);
        profile.red_trc = Some(curve.clone());
        profile.green_trc = Some(curve.clone());
        profile.blue_trc = Some(curve);
    }
    Some(profile)
}

impl Conversion {
    fn is_grey(&self) -> bool {
        self.profile.color_space == DataColorSpace::Gray
    }

    fn layout(&self) -> Layout {
        if self.is_grey() { Layout::GrayAlpha } else { Layout::Rgba }
    }

    fn eight(&self) -> Option<&Transform8BitExecutor> {
        let make = || {
            let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
            self.profile.create_transform_8bit(self.layout(), &srgb, Layout::Rgba, options).ok()
        };
        self.eight.get_or_init(make).as_deref()
    }

    fn sixteen(&self) -> Option<&Transform16BitExecutor> {
        let make = || {
            let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
            self.profile.create_transform_16bit(self.layout(), &srgb, Layout::Rgba, options).ok()
        };
        self.sixteen.get_or_init(make).as_deref()
    }

    fn float(&self) -> Option<&TransformF32Executor> {
        let make = || {
            let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
            self.profile.create_transform_f32(self.layout(), &srgb, Layout::Rgba, options).ok()
        };
        self.float.get_or_init(make).as_deref()
    }

    /// Whether what comes out is what goes in, for colours all over the cube; nothing if nothing comes out.
    fn is_near(&self) -> Option<bool> {
        let steps = [0u8, 32, 64, 96, 128, 160, 192, 224, 255];
        let mut colours = Vec::with_capacity(729 * 4);
        if self.is_grey() {
            (0..=255).for_each(|v| colours.extend([v, v, v, 255]));
        } else {
            for r in steps {
                for g in steps {
                    steps.iter().for_each(|&b| colours.extend([r, g, b, 255]));
                }
            }
        }
        let before = RgbaImage::from_raw(colours.len() as u32 / 4, 1, colours)?;
        let after = converted(self.eight()?, self.is_grey(), before.clone().into_raw())?;
        Some(before.iter().zip(&after).all(|(a, b)| a.abs_diff(*b) <= NEAR))
    }

    fn run(&self, pixels: &DynamicImage) -> Option<RgbaImage> {
        let (width, height) = (pixels.width(), pixels.height());
        let grey = self.is_grey();
        match pixels {
            DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
            | DynamicImage::ImageRgb16(_)
            | DynamicImage::ImageRgba16(_) => {
                let done = converted(self.sixteen()?, grey, pixels.to_rgba16().into_raw())?;
                let done = image::ImageBuffer::from_raw(width, height, done)?;
                Some(DynamicImage::ImageRgba16(done).into_rgba8())
            }
            DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
                let done = converted(self.float()?, grey, pixels.to_rgba32f().into_raw())?;
                let byte = |v: &f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
                RgbaImage::from_raw(width, height, done.iter().map(byte).collect())
            }
            _ => RgbaImage::from_raw(width, height, converted(self.eight()?, grey, pixels.to_rgba8().into_raw())?),
        }
    }
}

/// RGBA values by way of a conversion; alpha stays.
fn converted<V: Copy + Default>(
    by: &(dyn moxcms::TransformExecutor<V> + Send + Sync),
    grey: bool,
    mut rgba: Vec<V>,
) -> Option<Vec<V>> {
    let mut source = Vec::with_capacity(ROW * 4);
    for part in rgba.chunks_mut(4 * ROW) {
        source.clear();
        if grey {
            source.extend(part.chunks_exact(4).flat_map(|p| [p[0], p[3]]));
        } else {
            source.extend_from_slice(part);
        }
        let alpha: Vec<V> = part.iter().skip(3).step_by(4).copied().collect();
        by.transform(&source, part).ok()?;
        part.iter_mut().skip(3).step_by(4).zip(alpha).for_each(|(to, from)| *to = from);
    }
    Some(rgba)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(meaning: &Meaning, pixel: [u8; 4]) -> ([u8; 4], Option<Remark>) {
        let (done, remark) =
            to_srgb(DynamicImage::ImageRgba8(RgbaImage::from_pixel(5, 4, image::Rgba(pixel))), meaning);
        (done.get_pixel(3, 2).0, remark)
    }

    fn close(a: [u8; 4], b: [u8; 4], by: u8) {
        assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= by), "{a:?}, expected {b:?}");
    }

    #[test]
    fn display_p3_becomes_srgb_at_every_depth() {
        let meaning = Meaning::Profile(ColorProfile::new_display_p3().encode().unwrap());
        let (pixel, remark) = one(&meaning, [234, 51, 35, 77]);
        close(pixel, [255, 0, 0, 77], 1);
        assert_eq!(remark, Some(Remark::Converted("Display P3".into())));
        let deep = image::ImageBuffer::from_pixel(4, 4, image::Rgb([234u16 * 257, 51 * 257, 35 * 257]));
        let (done, _) = to_srgb(DynamicImage::ImageRgb16(deep), &meaning);
        close(done.get_pixel(1, 1).0, [255, 0, 0, 255], 1);
        let float = image::Rgb32FImage::from_pixel(4, 4, image::Rgb([234.0 / 255.0, 0.2, 35.0 / 255.0]));
        let (done, _) = to_srgb(DynamicImage::ImageRgb32F(float), &meaning);
        close(done.get_pixel(1, 1).0, [255, 0, 0, 255], 1);
        // The same colours by their code: primaries of SMPTE EG 432, transfer of sRGB.
        close(one(&Meaning::Code([12, 13, 0, 1]), [234, 51, 35, 255]).0, [255, 0, 0, 255], 1);
    }

    #[test]
    fn profiles_of_srgb_change_nothing() {
        let meaning = Meaning::Profile(ColorProfile::new_srgb().encode().unwrap());
        for v in 0..=255u8 {
            assert_eq!(one(&meaning, [v, 255 - v, v / 2, v]), ([v, 255 - v, v / 2, v], None));
        }
        assert_eq!(one(&Meaning::Code([1, 13, 0, 1]), [9, 99, 199, 255]), ([9, 99, 199, 255], None));
        assert_eq!(one(&Meaning::Gamma { gamma: 45_455, chroma: None }, [9, 99, 199, 255]).1, None);
    }

    #[test]
    fn linear_light_is_encoded() {
        let (pixel, remark) = one(&Meaning::Gamma { gamma: 100_000, chroma: None }, [55, 128, 255, 255]);
        close(pixel, [128, 188, 255, 255], 1);
        assert!(remark.is_some());
        // The primaries of Adobe RGB (1998) with its gamma.
        let chroma = Some([31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000]);
        let (pixel, _) = one(&Meaning::Gamma { gamma: 45_455, chroma }, [100, 180, 90, 255]);
        assert!(pixel[0] < 60 && pixel[1].abs_diff(180) < 8, "{pixel:?}");
    }

    #[test]
    fn grey_profiles_are_used_for_grey_pictures() {
        let meaning = Meaning::Profile(ColorProfile::new_gray_with_gamma(1.0).encode().unwrap());
        let (done, remark) =
            to_srgb(DynamicImage::ImageLuma8(image::GrayImage::from_pixel(4, 4, image::Luma([55]))), &meaning);
        close(done.get_pixel(0, 0).0, [128, 128, 128, 255], 1);
        assert!(matches!(remark, Some(Remark::Converted(_))));
        assert_eq!(one(&meaning, [1, 2, 3, 255]), ([1, 2, 3, 255], Some(Remark::ProfileBroken)));
    }

    #[test]
    fn what_cannot_be_converted_stays_and_is_said() {
        let whole = ColorProfile::new_display_p3().encode().unwrap();
        for bytes in [Vec::new(), b"nothing like a profile".to_vec(), whole[..150].to_vec()] {
            assert_eq!(one(&Meaning::Profile(bytes), [5, 6, 7, 8]), ([5, 6, 7, 8], Some(Remark::ProfileBroken)));
        }
        assert_eq!(one(&Meaning::Code([9, 16, 0, 1]), [5, 6, 7, 8]).1, Some(Remark::HighDynamicRange));
        let mut print = whole;
        print[16..20].copy_from_slice(b"CMYK");
        assert_eq!(one(&Meaning::Profile(print), [5, 6, 7, 8]), ([5, 6, 7, 8], Some(Remark::ProfileForPrint)));
    }
}
