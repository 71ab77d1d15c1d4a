// The static pages: each HTML file of site/ once for every language that its texts are there in.
// English lies at the site's root, another language in a folder of its name.
//
//   @part/NAME@    the fragment site/parts/NAME       @text/KEY@   the text of site/i18n/LANGUAGE.json
//   @asset/NAME@   a hashed file (build.mjs)          @link/PAGE@  href to that page in this language
//   @root@, @lang@, @alternates@, @languages@         the way to the site's root, the language, links to
//                                                     the same page in the others (for machines, people)
//
// Texts may hold **strong** words and [links](PAGE), nothing else.

import path from 'node:path';

const NAMES = { en: 'English', de: 'Deutsch' };
const LANGUAGES = Object.keys(NAMES);

const escape = (text) =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

/**
 * @param pages name to source, of all pages
 * @param parts name to source
 * @param texts language to key to text
 * @param values placeholders of texts: {name} to what is put in, as HTML
 * @return path relative to the site's root to HTML
 */
export function renderPages({ pages, parts, texts, values }) {
  const whole = (source) =>
    source.replace(/@part\/([\w.-]+)@/g, (_, name) => whole(found(parts, name, 'part').trim()));
  const sources = Object.fromEntries(
    Object.entries(pages).map(([name, source]) => [name, whole(source)]),
  );
  // A page whose own part has no texts is in English alone.
  const speaks = (name, language) => language === 'en' || /@text\//.test(pages[name] ?? '');
  const place = (name, language) => (language === 'en' ? name : `${language}/${name}`);

  const out = {};
  for (const name of Object.keys(sources)) {
    for (const language of LANGUAGES.filter((one) => speaks(name, one))) {
      const root = language === 'en' ? '' : '../';
      const others = LANGUAGES.filter((one) => one !== language);
      const href = (page) => {
        // The app speaks every language at one address.
        if (page.startsWith('app/'))
          return `href="${root}${page}${language === 'en' ? '' : `?lang=${language}`}"`;
        if (!(page in pages)) throw new Error(`site/${name}: no page ${page}`);
        const there = speaks(page, language) ? language : 'en';
        return [
          `href="${path.posix.relative(root ? language : '', place(page, there))}"`,
          ...(there === language ? [] : [`hreflang="${there}"`]),
        ].join(' ');
      };
      const link = (page) => href(page) + (page === name ? ' aria-current="page"' : '');
      const text = (key) =>
        escape(found(texts[language], key, `text (${language})`))
          .replace(/\*\*(.+?)\*\*/g, '<strong>$1</strong>')
          .replace(/\[(.+?)\]\((.+?)\)/g, (_, words, page) => `<a ${href(page)}>${words}</a>`)
          .replace(/\{(\w+)\}/g, (_, value) => found(values, value, 'value'));
      const alternates = LANGUAGES.filter((one) => speaks(name, one)).map(
        (one) => `<link rel="alternate" hreflang="${one}" href="${root}${place(name, one)}" />`,
      );
      const languages = others.map((one) => {
        const page = speaks(name, one) ? name : 'index.html';
        return `<a href="${root}${place(page, one)}" hreflang="${one}" lang="${one}">${NAMES[one]}</a>`;
      });
      out[place(name, language)] = sources[name]
        .replace(/@text\/([\w.]+)@/g, (_, key) => text(key))
        .replace(/@link\/([\w./-]+)@/g, (_, page) => link(page))
        .replaceAll('@alternates@', alternates.length > 1 ? alternates.join('\n    ') : '')
        .replaceAll('@languages@', languages.join('\n          '))
        .replaceAll('@root@', root)
        .replaceAll('@lang@', language);
    }
  }
  return out;
}

function found(all, name, kind) {
  const value = all[name];
  if (value === undefined) throw new Error(`site: no ${kind} ${name}`);
  return value;
}
