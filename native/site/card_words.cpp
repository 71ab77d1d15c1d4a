// German by English.
#include "site/card_words.h"

#include <array>
#include <cstdio>
#include <map>

namespace nevus {
namespace {

const std::map<std::string_view, std::string_view>& german() {
  static const std::map<std::string_view, std::string_view> words{
      // Figures
      {"Area under the ROC curve", "Fläche unter der ROC-Kurve (AUC)"},
      {"1 would be perfect order, 0.5 is chance", "1 wäre vollkommene Ordnung, 0,5 ist Zufall"},
      {"Average precision", "Mittlere Präzision"},
      {"area under precision against recall", "Fläche unter Präzision gegen Trefferquote"},
      {"Sensitivity", "Sensitivität"},
      {"malignant photos that it flags", "bösartige Fotos, bei denen es warnt"},
      {"Specificity", "Spezifität"},
      {"benign photos that it does not flag", "gutartige Fotos, bei denen es nicht warnt"},
      {"Balanced accuracy", "Ausgewogene Genauigkeit"},
      {"mean of the two", "Mittel der beiden"},
      {"Calibration error (ECE)", "Kalibrierungsfehler (ECE)"},
      {"how far stated probabilities are off, on average",
       "wie weit die genannten Wahrscheinlichkeiten im Mittel danebenliegen"},
      {"Mean AUC of the classes", "Mittlere AUC der Klassen"},
      {"each against all others", "jede gegen alle anderen"},
      {"Mean recall of the classes", "Mittlere Trefferquote der Klassen"},
      {"balanced accuracy over the classes: the most probable one named",
       "ausgewogene Genauigkeit über die Klassen: genannt wird die wahrscheinlichste"},
      {"Mean recall, as if all classes were equally common",
       "Mittlere Trefferquote, als wären alle Klassen gleich häufig"},
      {"each probability divided by the class's share among validation lesions",
       "jede Wahrscheinlichkeit geteilt durch den Anteil der Klasse an den Läsionen der "
       "Validierung"},
      {"Figure", "Kennzahl"},
      {"Value", "Wert"},
      {"95 % interval", "95-%-Intervall"},
      {"{low} to {high}", "{low} bis {high}"},
      {"not stated", "nicht angegeben"},
      // Tests
      {"Tested on: {name}", "Getestet an: {name}"},
      {"{n} photos", "{n} Fotos"},
      {"{n} lesions", "{n} Läsionen"},
      {"{n} malignant", "{n} bösartig"},
      {"Of these photos the page would not judge {n}.",
       "{n} dieser Fotos würde die Seite nicht beurteilen."},
      {"Of {n} pictures of something else it refuses {share}, of the photos of lesions {photos}.",
       "Von {n} Bildern von etwas anderem weist sie {share} ab, von den Fotos von Läsionen "
       "{photos}."},
      {"{name}: each class", "{name}: jede Klasse"},
      {"Class", "Klasse"},
      {"AUC against the others (95 % interval)", "AUC gegen die anderen (95-%-Intervall)"},
      {"Recall", "Trefferquote"},
      {"{name}, by {column}", "{name}, nach {column}"},
      {"sex", "Geschlecht"},
      {"age", "Alter"},
      {"localization", "Körperstelle"},
      {"Malignant / benign", "Bösartig / gutartig"},
      {"not known", "nicht bekannt"},
      {"{name}: the gravest mistakes", "{name}: die schwersten Fehler"},
      {"By name, so that whoever has the photos can look at them; the photos themselves are not "
       "ours to show.",
       "Mit Namen, damit nachsehen kann, wer die Fotos hat; die Fotos selbst dürfen wir nicht "
       "zeigen."},
      {"Photo", "Foto"},
      {"It is", "Es ist"},
      {"Estimated probability of malignancy", "Geschätzte Wahrscheinlichkeit, bösartig zu sein"},
      {"Validation, by which the model and its threshold were chosen",
       "Validierung, an der das Modell und sein Schwellenwert gewählt wurden"},
      {"Measured on: {name}", "Gemessen an: {name}"},
      {"These figures flatter the model; those of the tests above don't.",
       "Diese Zahlen schmeicheln dem Modell; die der Tests oben tun es nicht."},
      {"Validation, source by source", "Validierung, Quelle für Quelle"},
      {"Source", "Quelle"},
      {"Photos", "Fotos"},
      {"The package states no figures.", "Das Modellpaket nennt keine Zahlen."},
      // The rest of the card
      {"malignant", "bösartig"},
      {"not malignant", "nicht bösartig"},
      {"{width} × {height} pixels", "{width} × {height} Pixel"},
      {"The package states none; there are always some.",
       "Das Modellpaket nennt keine; es gibt immer welche."},
      {"From a probability of malignancy of {threshold} % on, the answer is “Show this to a "
       "doctor”. "
       "On {n} validation photos that threshold flagged {sensitivity} % of the malignant ones (it "
       "missed {missed} %) and left {specificity} % of the benign ones unflagged.",
       "Ab einer Wahrscheinlichkeit von {threshold} %, bösartig zu sein, heißt die Antwort »Zeigen "
       "Sie das einer Ärztin oder einem Arzt«. Bei {n} Fotos der Validierung warnte es mit diesem "
       "Schwellenwert bei {sensitivity} % der bösartigen ({missed} % übersah es) und warnte bei "
       "{specificity} % der gutartigen nicht."},
      {"Command", "Befehl"},
      {"Seed", "Startwert des Zufalls"},
      {"{name}: {train} to learn from, {validation} to validate",
       "{name}: {train} zum Lernen, {validation} zur Validierung"},
      {"SHA-256 of their list", "SHA-256 ihrer Liste"},
      {"Versions", "Versionen"},
      {"Turns", "Drehungen"},
      {"it judges a photo in {n} of its turns and mirror images and answers with the mean",
       "es beurteilt ein Foto in {n} Drehungen und Spiegelungen und antwortet mit dem Mittelwert"},
      {"Configuration", "Konfiguration"},
      // What our own trainer says in a package
      {"Research and education. Not a medical device and not a diagnosis: a doctor decides.",
       "Forschung und Lehre. Kein Medizinprodukt und keine Diagnose: Es entscheiden Ärztinnen und "
       "Ärzte."},
      {"Learned from the photos of its training set alone; other cameras, clinics and skin are "
       "judged less well.",
       "Gelernt allein aus den Fotos seiner Trainingsdaten; andere Kameras, Kliniken und Haut "
       "werden "
       "schlechter beurteilt."},
      {"Public lesion photos show mostly light skin; on darker skin errors are more likely.",
       "Öffentliche Fotos von Hautveränderungen zeigen meist helle Haut; auf dunklerer Haut sind "
       "Fehler wahrscheinlicher."},
      {"Trained on the kind of photo that it was given (for public sets: dermoscopy); ordinary "
       "phone "
       "photos are another kind.",
       "Trainiert mit der Art von Fotos, die es bekam (bei öffentlichen Daten: Dermatoskopie); "
       "gewöhnliche Handyfotos sind eine andere Art."},
      {"Validation figures come from the same source as the training photos and flatter the model.",
       "Die Zahlen der Validierung stammen aus derselben Quelle wie die Trainingsfotos und "
       "schmeicheln dem Modell."},
      {"Actinic keratosis or Bowen's disease", "Aktinische Keratose oder Morbus Bowen"},
      {"Basal-cell carcinoma", "Basalzellkarzinom"},
      {"Benign keratosis", "Gutartige Keratose"},
      {"Dermatofibroma", "Dermatofibrom"},
      {"Melanoma", "Melanom"},
      {"Melanocytic naevus", "Melanozytärer Nävus"},
      {"Squamous-cell carcinoma", "Plattenepithelkarzinom"},
      {"Vascular lesion", "Gefäßveränderung"},
      {"Benign", "Gutartig"},
      {"Malignant", "Bösartig"},
  };
  return words;
}

}  // namespace

bool CardWords::knows(std::string_view english) const {
  return !german_ || german().count(english) != 0;
}

std::string CardWords::operator()(std::string_view english, Values values) const {
  if (german_) {
    const auto found = german().find(english);
    if (found != german().end()) english = found->second;
  }
  std::string out;
  for (std::size_t at = 0; at < english.size();) {
    const std::size_t open = english.find('{', at);
    const std::size_t close = open == english.npos ? open : english.find('}', open);
    out += english.substr(at, close == english.npos ? english.npos : open - at);
    if (close == english.npos) break;
    const std::string_view name = english.substr(open + 1, close - open - 1);
    for (const auto& [key, value] : values)
      if (key == name) out += value;
    at = close + 1;
  }
  return out;
}

std::string CardWords::number(double value, int decimals) const {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  std::string out = text.data();
  if (const auto point = out.find('.'); german_ && point != out.npos) out[point] = ',';
  return out;
}

}  // namespace nevus
