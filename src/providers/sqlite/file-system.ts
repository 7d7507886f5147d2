/** What kind of file system a file lies on, where the system says so. */

import { statfsSync } from "node:fs";

/** Linux's numbers of file systems whose files others may write without a notice to this machine. */
const WITHOUT_NOTICES: ReadonlySet<number> = new Set([
  0x00_00_69_69, // NFS
  0x00_00_51_7b, // SMB
  0xff_53_4d_42, // CIFS
  0xfe_53_4d_42, // SMB 2
  0x01_02_19_97, // 9P, as in WSL and virtual machines
  0x65_73_55_46, // FUSE, as in desktop containers and sshfs
  0x78_6f_42_56, // VirtualBox
  0xba_cb_ac_bc, // VMware
  0x00_c3_64_00, // Ceph
  0x0b_d0_0b_d0, // Lustre
]);

/** Whether notices of writes by others are to be expected. */
export function tellsOfWrites(path: string): boolean {
  try {
    // Some numbers come with a sign.
    return process.platform !== "linux" || !WITHOUT_NOTICES.has(statfsSync(path).type >>> 0);
  } catch {
    return true; // What is expected wrongly is soon found out.
  }
}
