package org.gatun.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ServiceLoader;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What is said where TornadoVM's devices are not there; and a counted skip for their tests. */
class DevicePartTest {
  /** Their tests are in a module of their own; without an SDK this is the skip that counts. */
  @Test
  void anSdkHasTheArgumentFileThatTheLauncherAdds() {
    String home = System.getenv("TORNADOVM_HOME");
    Assumptions.assumeTrue(
        home != null, "TornadoVM's devices: TORNADOVM_HOME names no SDK (docs/tornado.md)");
    assertThat(Path.of(home, "tornado-argfile")).isRegularFile();
  }

  @Test
  void withoutTheDevicePartTheProviderSaysWhatToDo() {
    Assumptions.assumeTrue(
        ServiceLoader.load(DeviceProvider.class).findFirst().isEmpty(), "the device part is here");
    BackendProvider p = Backends.named("tornado");
    assertThat(p.probe().usable()).isFalse();
    assertThat(p.probe().remedy()).contains("TORNADOVM_HOME");
    assertThat(Backends.passedOver(p)).contains("TORNADOVM_HOME");
    assertThatThrownBy(() -> p.open(BackendOptions.DEFAULT))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("TORNADOVM_HOME");
  }

  @Test
  void thePlainKernelsAreNeverChosenByAuto() {
    assertThat(Backends.auto()).extracting(BackendProvider::name).doesNotContain("tornado-java");
    assertThat(Backends.all()).extracting(BackendProvider::name).contains("tornado-java");
  }
}
