#include <gmock/gmock.h>

#include <thread>

#include "api/testing/service_fixture.h"
#include "core/base64.h"

namespace baleen::api {
namespace {

using testing::Client;
using testing::Reply;
using testing::TokenScope;

constexpr const char* kUpload = "/v1/ingest/upload";

class UploadRoutesTest : public testing::ServiceFixture {
 protected:
  UploadRoutesTest() : anna_(token(TokenScope::submit, "anna")) {}

  static std::string metadata(const std::string& filename = "six.txt") {
    return "filename " + core::to_base64(filename) + ",recipe " + core::to_base64("toy");
  }
  Reply create(std::size_t bytes, const std::string& headers = "", const std::string& body = "") {
    return send("POST", kUpload,
                "Upload-Length: " + std::to_string(bytes) + "\r\nUpload-Metadata: " + metadata() +
                    "\r\n" + headers,
                body);
  }
  Reply patch(const std::string& target,
              std::size_t offset,
              const std::string& body,
              const std::string& headers = "") {
    return send("PATCH", target, "Upload-Offset: " + std::to_string(offset) + "\r\n" + headers,
                body, body.empty());
  }
  Reply send(const std::string& method,
             const std::string& target,
             const std::string& headers = "",
             const std::string& body = "",
             bool has_type = false) {
    std::string all = "Authorization: Bearer " + anna_ + "\r\nTus-Resumable: 1.0.0\r\n" + headers;
    if (!body.empty() || has_type) all += "Content-Type: application/offset+octet-stream\r\n";
    return Client(server_->port()).ask(method, target, all, body);
  }
  std::string original_of(const std::string& asset_id) {
    return core::read_text_file(
               root_.at(text_of("SELECT original_path FROM audio_assets WHERE asset_id = '" +
                                asset_id + "'")))
        .value();
  }

  std::string anna_;
};

TEST_F(UploadRoutesTest, TheServiceSaysWhatItSpeaks) {
  const Reply reply = Client(server_->port()).ask("OPTIONS", kUpload);
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.header("Tus-Version"), "1.0.0");
  EXPECT_EQ(reply.header("Tus-Extension"),
            "creation,creation-with-upload,termination,expiration,checksum");
  EXPECT_EQ(reply.header("Tus-Checksum-Algorithm"), "sha256");
  EXPECT_EQ(reply.header("Tus-Max-Size"), std::to_string(std::int64_t{64} << 30));
}

TEST_F(UploadRoutesTest, AFileArrivesInPiecesAndBecomesARun) {
  const Reply made = create(6);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Tus-Resumable"), "1.0.0");
  EXPECT_THAT(made.header("Upload-Expires"), ::testing::EndsWith(" GMT"));
  const std::string target = made.header("Location");
  EXPECT_THAT(target, ::testing::StartsWith("/v1/ingest/upload/"));

  EXPECT_EQ(send("HEAD", target).header("Upload-Offset"), "0");
  const Reply first = patch(target, 0, "1234");
  EXPECT_EQ(first.status, 204) << first.body;
  EXPECT_EQ(first.header("Upload-Offset"), "4");
  const Reply head = send("HEAD", target);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Upload-Offset"), "4");
  EXPECT_EQ(head.header("Upload-Length"), "6");
  EXPECT_EQ(head.header("Upload-Metadata"), metadata());
  EXPECT_EQ(head.header("Cache-Control"), "no-store");
  EXPECT_EQ(head.header("Baleen-Run-Id"), "");
  EXPECT_EQ(patch(target, 3, "456").code(), "CONFLICT");
  EXPECT_EQ(patch(target, 4, "567").code(), "TOO_LARGE");

  const Reply last = patch(target, 4, "56");
  EXPECT_EQ(last.status, 204) << last.body;
  const std::string asset_id = last.header("Baleen-Asset-Id");
  EXPECT_EQ(original_of(asset_id), "123456");
  EXPECT_EQ(send("HEAD", target).header("Baleen-Run-Id"), last.header("Baleen-Run-Id"));
  const json::object seen = parsed(send("GET", target)).as_object();
  EXPECT_EQ(core::get_string(seen, "state"), "complete");
  EXPECT_EQ(core::get_string(seen, "run_id"), last.header("Baleen-Run-Id"));
  EXPECT_EQ(core::get_string(seen, "filename"), "six.txt");
  EXPECT_EQ(core::get_int(seen, "offset_bytes"), 6);
  EXPECT_TRUE(core::get_bool(seen, "is_new_asset"));
  EXPECT_EQ(text_of("SELECT owner_entity_id FROM audio_assets WHERE asset_id = '" + asset_id + "'"),
            "anna");
  engine::Queue work = queue(database_, "worker");
  EXPECT_THAT(drain(work), ::testing::Contains("sum"));
}

TEST_F(UploadRoutesTest, AFileMayComeWithItsCreation) {
  const Reply made = create(4, "", "1234");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Upload-Offset"), "4");
  EXPECT_EQ(original_of(made.header("Baleen-Asset-Id")), "1234");
  const Reply begun = create(6, "", "1234");
  EXPECT_EQ(begun.header("Upload-Offset"), "4");
  EXPECT_EQ(patch(begun.header("Location"), 4, "56").status, 204);
}

TEST_F(UploadRoutesTest, WhatCameBeforeABreakIsThere) {
  const std::string target = create(1000).header("Location");
  Client client(server_->port());
  client.send("PATCH " + target + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + anna_ +
              "\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
              "Content-Length: 1000\r\n\r\n" +
              std::string(400, '7'));
  // While one sends, nobody else does; and everybody may look.
  std::string offset;
  for (int i = 0; i < 1000 && offset != "400"; ++i) {
    client.half_close();
    offset = send("HEAD", target).header("Upload-Offset");
  }
  EXPECT_EQ(offset, "400");
  Reply rest;
  for (int i = 0; i < 1000 && rest.status != 204; ++i) {
    rest = patch(target, 400, std::string(600, '8'));
    if (rest.status != 204) {
      EXPECT_EQ(rest.status, 423) << rest.body;
    }
  }
  EXPECT_EQ(original_of(rest.header("Baleen-Asset-Id")),
            std::string(400, '7') + std::string(600, '8'));
}

TEST_F(UploadRoutesTest, OneConnectionSendsAtATime) {
  const std::string target = create(1000).header("Location");
  Client client(server_->port());
  client.send("PATCH " + target + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + anna_ +
              "\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
              "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
  ASSERT_EQ(client.read_head().status, 100);  // It has the upload now.
  const Reply second = patch(target, 0, "x");
  EXPECT_EQ(second.status, 423);
  EXPECT_EQ(second.code(), "LOCKED");
  EXPECT_EQ(send("DELETE", target).code(), "LOCKED");
  client.send(std::string(1000, '9'));
  EXPECT_EQ(client.read_reply().status, 204);
}

TEST_F(UploadRoutesTest, APieceIsCheckedByItsChecksum) {
  const std::string target = create(6).header("Location");
  const auto checksum = [](const std::string& bytes) {
    const std::string hex = core::sha256_hex(bytes);
    std::string digest;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      digest.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return "Upload-Checksum: sha256 " + core::to_base64(digest) + "\r\n";
  };
  const Reply wrong = patch(target, 0, "123", checksum("124"));
  EXPECT_EQ(wrong.status, 460);
  EXPECT_EQ(wrong.code(), "CHECKSUM_MISMATCH");
  EXPECT_EQ(send("HEAD", target).header("Upload-Offset"), "0");
  EXPECT_EQ(patch(target, 0, "123", checksum("123")).status, 204);
  EXPECT_EQ(patch(target, 3, "456", "Upload-Checksum: md5 AAAA\r\n").status, 400);
  EXPECT_EQ(patch(target, 3, "456", checksum("456")).status, 204);
}

TEST_F(UploadRoutesTest, RefusalsSayWhy) {
  EXPECT_EQ(create(0).code(), "INVALID_ARGUMENT");
  EXPECT_EQ(create(std::size_t{1} << 40).code(), "TOO_LARGE");
  EXPECT_EQ(send("POST", kUpload, "Upload-Defer-Length: 1\r\n").code(), "INVALID_ARGUMENT");
  EXPECT_EQ(send("POST", kUpload).code(), "INVALID_ARGUMENT") << "no length";
  EXPECT_EQ(send("POST", kUpload, "Upload-Length: -1\r\n").code(), "INVALID_ARGUMENT");
  EXPECT_EQ(send("POST", kUpload, "Upload-Length: 6x\r\n").code(), "INVALID_ARGUMENT");
  const auto with_metadata = [&](const std::string& text) {
    return send("POST", kUpload, "Upload-Length: 6\r\nUpload-Metadata: " + text + "\r\n").code();
  };
  EXPECT_EQ(with_metadata("filename %%%"), "INVALID_ARGUMENT");
  EXPECT_EQ(with_metadata("filename " + core::to_base64("\xff\xfe")), "INVALID_ARGUMENT");
  EXPECT_EQ(with_metadata("recipe " + core::to_base64("none")), "NOT_FOUND");
  EXPECT_EQ(with_metadata("priority " + core::to_base64("x")), "INVALID_ARGUMENT");
  EXPECT_EQ(with_metadata("metadata " + core::to_base64("[1]")), "INVALID_ARGUMENT");
  EXPECT_EQ(with_metadata("recipe,recipe"), "INVALID_ARGUMENT");
  EXPECT_EQ(with_metadata("owner_entity_id " + core::to_base64("bert")), "FORBIDDEN");
  const Reply old = Client(server_->port())
                        .ask("POST", kUpload,
                             "Authorization: Bearer " + anna_ +
                                 "\r\nTus-Resumable: 0.2.2\r\nUpload-Length: 6\r\n");
  EXPECT_EQ(old.status, 412);
  EXPECT_EQ(old.header("Tus-Version"), "1.0.0");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM uploads WHERE filename = 'six.txt'"), 0);

  const std::string target = create(6).header("Location");
  EXPECT_EQ(send("PATCH", target, "Content-Type: text/plain\r\nUpload-Offset: 0\r\n").code(),
            "MEDIA_TYPE_UNSUPPORTED");
  EXPECT_EQ(send("PATCH", target, "", "123").code(), "INVALID_ARGUMENT") << "no offset";
}

TEST_F(UploadRoutesTest, WhatIsNoSoundIsRefusedAtItsFirstBytes) {
  const std::string page = "<!doctype html>" + std::string(5'000'000, ' ');
  const std::string target = create(page.size()).header("Location");
  const Reply refused = patch(target, 0, page);
  EXPECT_EQ(refused.status, 415);
  EXPECT_EQ(refused.code(), "MEDIA_TYPE_UNSUPPORTED");
  EXPECT_THAT(refused.body, ::testing::HasSubstr("an HTML page"));
  const json::object seen = parsed(send("GET", target)).as_object();
  EXPECT_EQ(core::get_string(seen, "state"), "failed");
  EXPECT_EQ(core::get_string(core::get_object(seen, "error"), "code"), "MEDIA_TYPE_UNSUPPORTED");
  EXPECT_EQ(send("HEAD", target).status, 415);
  EXPECT_EQ(send("DELETE", target).status, 204);
}

TEST_F(UploadRoutesTest, EndsWhenItIsDeleted) {
  const std::string target = create(6).header("Location");
  ASSERT_EQ(patch(target, 0, "123").status, 204);
  EXPECT_EQ(send("DELETE", target).status, 204);
  EXPECT_EQ(send("HEAD", target).status, 404);
  EXPECT_EQ(send("DELETE", target).code(), "NOT_FOUND");
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(UploadRoutesTest, TheSameCreationWithItsKeyIsTheSameUpload) {
  const std::string key = "Idempotency-Key: k1\r\n";
  const Reply made = create(6, key);
  ASSERT_EQ(patch(made.header("Location"), 0, "123").status, 204);
  const Reply again = create(6, key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.header("Location"), made.header("Location"));
  EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
  EXPECT_EQ(again.header("Upload-Offset"), "3") << "as far as it has come now";
  EXPECT_EQ(create(7, key).code(), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_NE(create(6).header("Location"), made.header("Location"));
}

TEST_F(UploadRoutesTest, ABrokenCreationWithBytesIsFoundAgainByItsKey) {
  Client client(server_->port());
  client.send(std::string("POST ") + kUpload +
              " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + anna_ +
              "\r\nIdempotency-Key: k\r\nUpload-Length: 1000\r\nUpload-Metadata: " + metadata() +
              "\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 1000\r\n\r\n" +
              std::string(10, '1'));
  while (number_of("SELECT COUNT(*) FROM idempotency_keys") == 0) std::this_thread::yield();
  client.half_close();
  Reply again;
  for (int i = 0; i < 1000 && again.header("Upload-Offset") != "10"; ++i) {
    again = create(1000, "Idempotency-Key: k\r\n");
    ASSERT_TRUE(again.status == 201 || again.status == 409) << again.body;
  }
  EXPECT_EQ(again.header("Upload-Offset"), "10");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM uploads WHERE filename = 'six.txt'"), 1);
}

}  // namespace
}  // namespace baleen::api
