use super::*;

#[test]
fn sizes_have_bounds_with_reasons() {
    assert!(check_size(1, 1).unwrap_err().contains("too small"));
    assert!(check_size(30_000, 1).unwrap_err().contains("too long"));
    assert!(check_size(16_000, 16_000).unwrap_err().contains("too large"));
    assert!(check_size(4, 4).is_ok() && check_size(8000, 6000).is_ok());
}

#[test]
fn a_file_is_read_whole_whatever_its_size_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    let bytes: Vec<u8> = (0..10_000u32).map(|i| i as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    // As listed, grown since, shrunk since, empty then.
    for size in [10_000, 9_999, 300, 20_000, 0] {
        assert_eq!(read_with(&path, size, <[u8]>::to_vec).unwrap(), bytes, "listed with {size}");
    }
    std::fs::write(&path, b"short").unwrap();
    assert_eq!(read_with(&path, 10_000, <[u8]>::to_vec).unwrap(), b"short", "nothing is left of another file");
    assert!(read_with(&path, MAX_FILE + 1, |_| ()).unwrap_err().contains("too large"));
    assert!(read_with(&dir.path().join("y"), 5, |_| ()).unwrap_err().contains("not there"));
}

#[test]
fn what_is_no_picture_is_called_by_its_name() {
    assert!(not_a_picture(b"hello there").contains("text"));
    assert!(not_a_picture(b"\0\0\0\x18ftypheic\0\0").contains("HEIC"));
    assert!(not_a_picture(b"<svg xmlns=").contains("SVG"));
    assert!(not_a_picture(b"%PDF-1.4").contains("PDF"));
    assert!(not_a_picture(&[0, 1, 2, 3]).contains("known format"));
    assert_eq!(extension("a/b.C.PNG"), "png");
    assert_eq!(extension(".hidden"), "");
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// Each side differs, and no pixel is like its neighbour.
fn busy(w: u32, h: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| image::Rgba([(x * 5 + y) as u8, (y * 3) as u8, (x * y * 7) as u8, 255]);
    DynamicImage::ImageRgba8(image::RgbaImage::from_fn(w, h, pixel))
}

fn read_as(bytes: &[u8], how: How) -> Decoded {
    decode_as(bytes, "x", &how).unwrap()
}

fn seen(bytes: &[u8]) -> Decoded {
    read_as(bytes, How::default())
}

fn stored(bytes: &[u8]) -> Decoded {
    read_as(bytes, How { stored: true, ..How::default() })
}

fn refused(bytes: &[u8]) -> String {
    decode_as(bytes, "x", &How::default()).unwrap_err().what
}

#[test]
fn colour_profiles_are_used_in_every_format_that_has_them() {
    use image::ImageEncoder;
    use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, tiff::TiffEncoder, webp::WebPEncoder};
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let pixels: Vec<u8> = [234, 51, 35].repeat(256);
    let colour = image::ExtendedColorType::Rgb8;
    let mut files: Vec<Vec<u8>> = Vec::new();
    macro_rules! write {
        ($encoder:expr) => {{
            let mut out = Cursor::new(Vec::new());
            let mut encoder = $encoder(&mut out);
            encoder.set_icc_profile(profile.clone()).unwrap();
            encoder.write_image(&pixels, 16, 16, colour).unwrap();
            files.push(out.into_inner());
        }};
    }
    write!(PngEncoder::new);
    write!(WebPEncoder::new_lossless);
    write!(TiffEncoder::new);
    write!(|w| JpegEncoder::new_with_quality(w, 100));
    for (i, file) in files.iter().enumerate() {
        let near = if i == 3 { 4 } else { 1 };
        let decoded = seen(file);
        let pixel = decoded.picture.pixel(8, 8);
        assert!(pixel.iter().zip([255, 0, 0, 255]).all(|(a, b)| a.abs_diff(b) <= near), "{i}: {pixel:?}");
        assert_eq!(decoded.facts.remarks, [Remark::Converted("Display P3".into())]);
        let raw = stored(file);
        assert!(raw.picture.pixel(8, 8)[1].abs_diff(51) <= 3 && raw.facts.remarks.is_empty());
    }
}

fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &crc.sum().to_be_bytes()].concat()
}

/// A PNG with more chunks behind its header, and behind its pixels.
fn with_chunks(png: &[u8], before: &[u8], after: &[u8]) -> Vec<u8> {
    [&png[..33], before, &png[33..png.len() - 12], after, &png[png.len() - 12..]].concat()
}

#[test]
fn the_side_chunks_of_png_say_how_to_read_it() {
    let plain =
        encoded(&DynamicImage::ImageLuma8(image::GrayImage::from_pixel(8, 8, image::Luma([55]))), ImageFormat::Png);
    let linear = png_chunk(b"gAMA", &100_000u32.to_be_bytes());
    let file = with_chunks(&plain, &linear, &[]);
    assert!(seen(&file).picture.pixel(3, 3)[0].abs_diff(128) <= 1 && stored(&file).picture.pixel(3, 3)[0] == 55);
    // sRGB outweighs gAMA, and a code outweighs both.
    let srgb = png_chunk(b"sRGB", &[0]);
    assert_eq!(seen(&with_chunks(&plain, &[&linear[..], &srgb].concat(), &[])).picture.pixel(3, 3)[0], 55);
    let code = png_chunk(b"cICP", &[1, 8, 0, 1]);
    assert!(seen(&with_chunks(&plain, &[&srgb[..], &code].concat(), &[])).picture.pixel(3, 3)[0].abs_diff(128) <= 1);
    // EXIF counts even where it stands last.
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.truncate(26);
    let long = encoded(&busy(12, 8), ImageFormat::Png);
    let turned = seen(&with_chunks(&long, &[], &png_chunk(b"eXIf", &exif))).picture;
    assert_eq!((turned.width, turned.height, turned.pixel(7, 0)), (8, 12, seen(&long).picture.pixel(0, 0)));
}

#[test]
fn a_profile_that_unpacks_to_gigabytes_costs_nothing() {
    use std::io::Write;
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..40).for_each(|_| zlib.write_all(&[0; 1 << 19]).unwrap());
    let bomb = png_chunk(b"iCCP", &[b"x\0\0", &zlib.finish().unwrap()[..]].concat());
    let decoded = seen(&with_chunks(&encoded(&busy(9, 9), ImageFormat::Png), &bomb, &[]));
    assert_eq!(decoded.picture, seen(&encoded(&busy(9, 9), ImageFormat::Png)).picture);
    assert_eq!(decoded.facts.remarks, [Remark::ProfileBroken]);
}

#[test]
fn chunks_of_webp_that_promise_gigabytes_are_refused() {
    let lossless = encoded(&busy(16, 16), ImageFormat::WebP);
    let of = |chunk: &[u8; 4], size: u32| {
        let size_of = |n: u32| (n - 1).to_le_bytes()[..3].to_vec();
        let header = [&[0x30, 0, 0, 0][..], &size_of(16), &size_of(16)].concat();
        let more = [&chunk[..], &size.to_le_bytes(), &[7; 16]].concat();
        let body = [b"WEBPVP8X\x0a\0\0\0", &header[..], &lossless[12..], &more].concat();
        [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
    };
    for chunk in [b"ICCP", b"EXIF", b"XMP "] {
        assert_eq!(seen(&of(chunk, 16)).picture, seen(&lossless).picture);
        assert_eq!(refused(&of(chunk, 3 << 30)), decode_errors::CUT);
        let frame = [&[0; 16][..], chunk, &(3u32 << 30).to_le_bytes()].concat();
        let inside = [&b"ANMF"[..], &(frame.len() as u32).to_le_bytes(), &frame].concat();
        assert!(!webp_metadata_is_whole(&inside, true));
    }
}

#[test]
fn multiplied_alpha_is_taken_out() {
    let tags = [(258, 3, 0x0008_0008_0008_0008), (259, 3, 1), (262, 3, 2), (277, 3, 4), (338, 3, 1)];
    let file = tiff::tests::tiff(8, 8, true, &tags, &[100, 50, 0, 128].repeat(64));
    let decoded = seen(&file);
    assert_eq!(decoded.picture.pixel(2, 2), [199, 100, 0, 128]);
    assert_eq!(decoded.facts.remarks, [Remark::Premultiplied]);
    assert_eq!(stored(&file).picture.pixel(2, 2), [100, 50, 0, 128]);
}

#[test]
fn twelve_bits_in_sixteen_are_noticed_and_stretched_when_asked() {
    let deep = image::ImageBuffer::from_fn(8, 8, |x, _| image::LumaA([x as u16 * 585, 65_535]));
    let file = encoded(&DynamicImage::ImageLumaA16(deep), ImageFormat::Png);
    let dark = seen(&file);
    assert_eq!((dark.facts.bits, dark.picture.pixel(7, 0)), (Some(12), [16, 16, 16, 255]));
    let bright = read_as(&file, How { depth: 12, ..How::default() }).picture;
    assert_eq!((bright.pixel(7, 0), bright.pixel(0, 0)), ([255; 4], [0, 0, 0, 255]));
    assert_eq!(seen(&encoded(&busy(8, 8), ImageFormat::Png)).facts.bits, None);
}

#[test]
fn an_alpha_that_hides_everything_is_none() {
    let clear =
        |alpha: u8| DynamicImage::ImageRgba8(image::RgbaImage::from_pixel(8, 8, image::Rgba([9, 99, 199, alpha])));
    for format in [ImageFormat::Bmp, ImageFormat::Tga, ImageFormat::Ico] {
        let name = if format == ImageFormat::Tga { "x.tga" } else { "x" };
        let file = encoded(&clear(0), format);
        let decoded = decode_as(&file, name, &How::default()).unwrap();
        // An icon of PNG says it on purpose.
        let expected = if format == ImageFormat::Ico { 0 } else { 255 };
        assert_eq!(decoded.picture.pixel(2, 2)[3], expected, "{format:?}");
    }
    let mut tga = encoded(&clear(77), ImageFormat::Tga);
    let read = |file: &[u8]| decode_as(file, "x.tga", &How::default()).unwrap();
    assert_eq!(read(&tga).picture.pixel(2, 2), [9, 99, 199, 77]);
    tga[17] &= 0xf0;
    assert_eq!(read(&tga).picture.pixel(2, 2), [9, 99, 199, 255]);
    assert_eq!(read(&tga).facts.remarks, [Remark::Opaque]);
}

/// A frame of a GIF: place, size, and one colour or nothing.
type Frame = ((u16, u16), (u16, u16), Option<[u8; 3]>);

/// A GIF of frames.
fn gif_of(screen: (u16, u16), frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = gif::Encoder::new(&mut out, screen.0, screen.1, &[]).unwrap();
    for &((left, top), (width, height), colour) in frames {
        let area = usize::from(width) * usize::from(height);
        let frame = gif::Frame {
            left,
            top,
            width,
            height,
            palette: Some([colour.unwrap_or_default(), [1, 2, 3]].concat()),
            transparent: colour.is_none().then_some(0),
            buffer: vec![0; area].into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    out
}

#[test]
fn the_first_frame_with_something_in_it_is_taken() {
    let (red, blue) = (Some([255, 0, 0]), Some([0, 0, 255]));
    let all = ((0, 0), (8, 8));
    let gif = gif_of((8, 8), &[(all.0, all.1, None), (all.0, all.1, red), (all.0, all.1, blue)]);
    assert_eq!(seen(&gif).picture.pixel(3, 3), [255, 0, 0, 255]);
    assert_eq!((seen(&gif).facts.remarks, stored(&gif).picture.pixel(3, 3)[3]), (vec![Remark::LaterFrame], 0));
    let empty = gif_of((8, 8), &[(all.0, all.1, None)]);
    assert_eq!((seen(&empty).picture.pixel(3, 3)[3], seen(&empty).facts.remarks), (0, vec![]));
    // Frames that reach beyond the screen, lie beside it, or in its middle.
    let odd = gif_of((8, 8), &[((8, 0), (8, 8), red), ((6, 5), (200, 9), blue)]);
    let picture = seen(&odd).picture;
    assert_eq!((picture.width, picture.pixel(7, 7), picture.pixel(5, 7)[3]), (8, [0, 0, 255, 255], 0));

    let mut png = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut png, 8, 8);
    encoder.set_color(::png::ColorType::Rgba);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0; 256]).unwrap();
    writer.write_image_data(&[7, 8, 9, 255].repeat(64)).unwrap();
    writer.finish().unwrap();
    assert_eq!(seen(&png).picture.pixel(3, 3), [7, 8, 9, 255]);
}

#[test]
fn a_frame_of_gigabytes_is_refused() {
    let mut gif = gif_of((8, 8), &[((0, 0), (8, 8), Some([1, 2, 3]))]);
    let frame = gif.windows(2).position(|w| w == [0, 0x2c]).unwrap() + 1;
    gif[frame + 5..frame + 9].fill(0xff);
    assert!(refused(&gif).contains("too large"), "{}", refused(&gif));
}

#[test]
fn a_jpeg_without_its_end_is_read_if_all_of_its_picture_is_there() {
    for side in [8, 40, 77] {
        let file = encoded(&DynamicImage::ImageRgb8(busy(side, side).into_rgb8()), ImageFormat::Jpeg);
        let grey = encoded(&DynamicImage::ImageLuma8(busy(side, side).into_luma8()), ImageFormat::Jpeg);
        for file in [file, grey] {
            let short = &file[..file.len() - 2];
            assert_eq!(seen(short).picture, seen(&file).picture);
            assert_eq!(seen(short).facts.remarks, [Remark::NoEnd]);
            for cut in [4, 9, short.len() / 8] {
                assert!(refused(&short[..short.len() - cut]).contains("cut off"), "{side} by {cut}");
            }
        }
    }
}

#[test]
fn what_is_not_read_is_called_by_its_name() {
    let jpeg = encoded(&DynamicImage::ImageRgb8(busy(16, 16).into_rgb8()), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    for (marker, word) in [(0xc9, "arithmetic-coded"), (0xc3, "lossless"), (0xc5, "hierarchical")] {
        let mut file = jpeg.clone();
        file[frame + 1] = marker;
        assert!(refused(&file).contains(word), "{}", refused(&file));
    }
    let mut deep = jpeg;
    deep[frame + 4] = 12;
    assert!(refused(&deep).contains("12 bits"), "{}", refused(&deep));

    let float = [(258, 3, 32), (259, 3, 1), (262, 3, 1), (277, 3, 1), (339, 3, 3)];
    let file = tiff::tests::tiff(8, 8, false, &float, &[0; 256]);
    assert!(refused(&file).contains("one channel of 32-bit floating-point"), "{}", refused(&file));
    let p = decode_as(&file, "x", &How::default()).unwrap_err();
    assert!(p.detail.is_some() && !p.what.contains("Unknown"));
}

#[test]
fn big_tiff_and_icons_of_rgb_are_read() {
    let grey = [(258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1)];
    let pixels: Vec<u8> = (0..64).map(|i| i * 3).collect();
    for big in [false, true] {
        let decoded = seen(&tiff::tests::tiff(8, 8, big, &grey, &pixels));
        assert_eq!(decoded.picture.pixel(3, 2), [57, 57, 57, 255], "{big}");
    }
    // Turned by its tag.
    let turned = seen(&tiff::tests::tiff(16, 4, false, &[&grey[..], &[(274, 3, 6)]].concat(), &pixels)).picture;
    assert_eq!((turned.width, turned.height, turned.pixel(3, 0)[0]), (4, 16, 0));

    let png = encoded(&DynamicImage::ImageRgb8(busy(20, 20).into_rgb8()), ImageFormat::Png);
    let mut icon = vec![0, 0, 1, 0, 1, 0, 20, 20, 0, 0, 1, 0, 24, 0];
    icon.extend((png.len() as u32).to_le_bytes());
    icon.extend(22u32.to_le_bytes());
    icon.extend(&png);
    assert_eq!(seen(&icon).picture, seen(&png).picture);
}
