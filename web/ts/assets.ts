// Names of the hashed files beside this one, filled in by web/build.mjs; all lie in one folder, so
// they are found relative to whichever script asks.

declare const __NEVUS_ASSETS__: Readonly<Record<string, string>>;

/** The absolute URL of a built file, named as it was before hashing ("nevus_core.wasm"). */
export function asset(name: string): string {
  const hashed = __NEVUS_ASSETS__[name];
  if (hashed === undefined) throw new Error(`no asset ${name}`);
  return new URL(hashed, import.meta.url).href;
}
