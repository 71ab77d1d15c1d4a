// What TypeScript does not know: the glue that Emscripten writes (web/build.mjs tells esbuild where it
// lies), and of WebCodecs what we ask.

declare class ImageDecoder {
  static isTypeSupported(type: string): Promise<boolean>;
}

declare module 'nevus_core.mjs' {
  import type { CoreFactory } from './core';
  const factory: CoreFactory;
  export default factory;
}

declare module 'nevus_app.mjs' {
  import type { AppFactory } from './bridge';
  const factory: AppFactory;
  export default factory;
}
