// RFC 4180 and what spreadsheets make of it.
#include "data/csv.h"

#include <gtest/gtest.h>

namespace nevus {
namespace {

using Fields = std::vector<std::string>;

TEST(Csv, ReadsQuotesLineEndsAndByteOrderMark) {
  const auto csv = parse_csv(
      "\xEF\xBB\xBF"
      "file, label ,note\r\n"
      "\"a, b.jpg\",mel,\"say \"\"hi\"\"\"\r\n"
      "\r\n"
      "c.jpg,,\"two\nlines\"\n"
      "d.jpg,nv,end");
  ASSERT_TRUE(csv) << csv.error().message;
  EXPECT_EQ(csv->header, (Fields{"file", "label", "note"}));
  ASSERT_EQ(csv->rows.size(), 3u);
  EXPECT_EQ(csv->rows[0].fields, (Fields{"a, b.jpg", "mel", "say \"hi\""}));
  EXPECT_EQ(csv->rows[0].line, 2u);
  EXPECT_EQ(csv->rows[1].fields, (Fields{"c.jpg", "", "two\nlines"}));
  EXPECT_EQ(csv->rows[1].line, 4u);
  EXPECT_EQ(csv->rows[2].fields, (Fields{"d.jpg", "nv", "end"}));
  EXPECT_EQ(csv->rows[2].line, 6u);
  EXPECT_EQ(csv->column("label"), 1u);
  EXPECT_EQ(csv->column("absent"), Csv::npos);
}

TEST(Csv, TakesTheSeparatorOfTheHeader) {
  EXPECT_EQ(parse_csv("a;b\n1,5;2\n")->rows[0].fields, (Fields{"1,5", "2"}));
  EXPECT_EQ(parse_csv("a\tb\n1\t\n")->rows[0].fields, (Fields{"1", ""}));
}

TEST(Csv, SaysWhatIsWrong) {
  EXPECT_EQ(parse_csv("").error().message, "empty");
  EXPECT_EQ(parse_csv("\n\n").error().message, "empty");
  EXPECT_EQ(parse_csv("a,b\n1,\"2\n3\n").error().message, "line 2: a quote is never closed");
  EXPECT_EQ(parse_csv(std::string_view("a\0b", 3)).error().message, "not a text file");
}

TEST(Csv, WritesWhatItReads) {
  for (const std::string text : {"plain", "a,b", "say \"hi\"", "two\nlines", "", "semi;colon"}) {
    const auto csv = parse_csv("x,y\n" + csv_field(text) + ",1\n");
    ASSERT_TRUE(csv);
    EXPECT_EQ(csv->rows.at(0).fields.at(0), text);
  }
}

}  // namespace
}  // namespace nevus
