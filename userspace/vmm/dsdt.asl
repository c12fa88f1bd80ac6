// SPDX-License-Identifier: GPL-2.0-only
//
// The devices a guest cannot find by probing. Port numbers as in power.h,
// console.c and rtc.c; windows as in vm.h and pci.h. Compiled by iasl into
// acpi.c.
//
DefinitionBlock ("dsdt.aml", "DSDT", 2, "RINGHO", "RINGHOST", 1)
{
    // Soft off: SLP_TYP 5, which power.c waits for. No other sleep state.
    Name (\_S5, Package () { 5, 5, 0, 0 })

    Scope (\_SB)
    {
        // PCI bus 0 by configuration mechanism #1; MSI-X only, hence no _PRT.
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_BBN, 0)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0, 0, 0, 1)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0xC000, 0xFFFF, 0, 0x4000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                    NonCacheable, ReadWrite,
                    0, 0xC0000000, 0xFEBFFFFF, 0, 0x3EC00000)
            })
        }

        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 8, 8)
                IRQNoFlags () { 4 }
            })
        }

        Device (RTC0)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 1, 2)
                IRQNoFlags () { 8 }
            })
        }

        // The fixed hardware's ports, so that no BAR is put there.
        Device (PWR0)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0600, 0x0600, 1, 12)
            })
        }
    }
}
