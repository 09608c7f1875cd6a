/** Colours as the brand needs them: any colour in, shades out that people can read (WCAG 2.2, 1.4.3 and 1.4.11). */

type Rgb = readonly [number, number, number];

function parse(color: string): Rgb {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(color);
  const hex = short
    ? short.slice(1).map((digit) => digit + digit)
    : (/^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color)?.slice(1) ?? []);
  if (hex.length !== 3) throw new Error(`A brand colour is written #rgb or #rrggbb, not ${JSON.stringify(color)}`);
  return [parseInt(hex[0] ?? '', 16), parseInt(hex[1] ?? '', 16), parseInt(hex[2] ?? '', 16)];
}

const format = (rgb: Rgb): string =>
  `#${rgb
    .map((part) =>
      Math.round(Math.min(255, Math.max(0, part)))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
const toLinear = (part: number): number => (part <= 10.31475 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
const fromLinear = (part: number): number => 255 * (part <= 0.0031308 ? part * 12.92 : 1.055 * Math.max(0, part) ** (1 / 2.4) - 0.055);

/** Contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance). */
export function contrast(one: string, other: string): number {
  const luminance = (color: string): number => {
    const [r, g, b] = parse(color).map(toLinear) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

type Lab = readonly [number, number, number];

/** sRGB to OKLab (Björn Ottosson), in which mixing keeps the hue. */
function toLab(color: string): Lab {
  const [r, g, b] = parse(color).map(toLinear) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromLab([L, a, b]: Lab): string {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return format([
    fromLinear(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    fromLinear(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    fromLinear(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ]);
}

/** The colour made lighter or darker towards a pole; most of its chroma stays until the end, so that shades do not turn grey. */
function shadeTowards(color: string, pole: string, share: number): string {
  const [lightness, a, b] = toLab(color);
  const chroma = 1 - share ** 3;
  return fromLab([lightness + (toLab(pole)[0] - lightness) * share, a * chroma, b * chroma]);
}

/** The colour itself, or its nearest shade towards `pole` that reaches the ratio against every ground. */
function reach(color: string, pole: string, ratio: number, grounds: readonly string[]): string {
  for (let step = 0; step < 50; step += 1) {
    const shade = step === 0 ? color : shadeTowards(color, pole, step / 50);
    if (grounds.every((ground) => contrast(shade, ground) >= ratio)) return shade;
  }
  return pole;
}

/** The grounds of the two themes (they must match style.css), where shades are mixed towards, and how far ink stands out: light on dark needs more. */
export const grounds = {
  light: { page: '#f4f5f3', card: '#ffffff', pole: '#000000', inkRatio: 4.6 },
  dark: { page: '#111514', card: '#1a1f1e', pole: '#ffffff', inkRatio: 6.5 },
} as const;

export type BrandShades = {
  /** fill of the main button */
  fill: string;
  /** text on it, at least 4.5 : 1 */
  onFill: string;
  /** fill under the pointer, no less contrast with its text */
  fillHover: string;
  /** edge of the button and of what is focused, at least 3 : 1 against the grounds */
  edge: string;
  /** links and small marks, at least 4.5 : 1 against the grounds */
  ink: string;
};

/** The shades of a brand colour for one theme. */
export function buildBrandShades(color: string, theme: keyof typeof grounds): BrandShades {
  const { page, card, pole, inkRatio } = grounds[theme];
  const fill = format(parse(color));
  const onFill = contrast(fill, '#ffffff') >= 4.5 ? '#ffffff' : contrast(fill, '#101413') >= 4.5 ? '#101413' : '#000000';
  const fillHover = shadeTowards(fill, onFill === '#ffffff' ? '#000000' : '#ffffff', 0.14);
  return { fill, onFill, fillHover, edge: reach(fill, pole, 3, [page, card]), ink: reach(fill, pole, inkRatio, [page, card]) };
}

/** The custom properties of a brand colour, for both themes. */
export function buildBrandCss(color: string): string {
  const rule = (theme: keyof typeof grounds): string => {
    const { fill, onFill, fillHover, edge, ink } = buildBrandShades(color, theme);
    return `:root{--brand:${fill};--on-brand:${onFill};--brand-hover:${fillHover};--brand-edge:${edge};--brand-ink:${ink}}`;
  };
  return `${rule('light')}@media (prefers-color-scheme:dark){${rule('dark')}}`;
}
