#include "dsp/fft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "support/signals.h"

namespace baleen::dsp {
namespace {

std::complex<double> naive_bin(const std::vector<double>& signal, std::size_t k) {
  std::complex<double> sum = 0.0;
  for (std::size_t n = 0; n < signal.size(); ++n) {
    const auto turn = static_cast<double>(n * k % signal.size());
    sum += signal[n] *
           std::polar(1.0, -2.0 * std::numbers::pi * turn / static_cast<double>(signal.size()));
  }
  return sum;
}

TEST(RealFft, EqualsTheDefinitionAtEverySize) {
  for (const std::size_t size : {2U, 4U, 8U, 32U, 512U, 1024U}) {
    SCOPED_TRACE(size);
    test_support::Lcg random(static_cast<std::uint32_t>(size));
    std::vector<double> signal(size);
    for (double& value : signal) value = random.next_s16();
    const Result<RealFft> fft = RealFft::create(size);
    ASSERT_TRUE(fft.ok());
    std::vector<std::complex<double>> bins(fft->bin_count());
    fft->process(signal, bins);
    for (std::size_t k = 0; k < bins.size(); ++k) {
      EXPECT_LT(std::abs(bins[k] - naive_bin(signal, k)), 1e-11) << "bin " << k;
    }
  }
}

TEST(RealFft, RefusesSizesThatAreNoPowerOfTwo) {
  for (const std::size_t size : {0U, 1U, 3U, 1000U, 1U << 25U}) {
    const Result<RealFft> fft = RealFft::create(size);
    ASSERT_FALSE(fft.ok()) << size;
    EXPECT_EQ(fft.error().code, ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace baleen::dsp
